"""Who may edit which document: a signed token that the wiki gives to an editor.

The key stands in the database that both use, in the table ``SECRETS``. The product signs its tokens with
a key pair; one shared key does the same here. The form is a JSON Web Token with HMAC-SHA256 (RFC 7519).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import LiteralString

from understudy.kit.database import Database
from understudy.kit.errors import Forbidden

SECRETS_TABLE: LiteralString = """create table if not exists "SECRETS" (
    "key" text primary key, value text not null)"""
_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True)
class Claims:
    """What a token says: who, which document, and until when, in seconds since 1970."""

    user: str
    document: str
    expires: int


def document_of_page(content_id: int) -> str:
    """The name of the document behind a page."""
    return f"page-{content_id}"


def load_secret(database: Database, name: str) -> bytes:
    """A secret of the database, made by whoever asks first."""
    database.prepare_schema("synchrony secrets", (SECRETS_TABLE,))
    database.execute(
        """insert into "SECRETS" ("key", value) values (%s, %s) on conflict do nothing""",
        (name, secrets.token_urlsafe(32)),
    )
    row = database.fetch_one("""select value from "SECRETS" where "key" = %s""", (name,))
    return b"" if row is None else str(row["value"]).encode()


def make_token(secret: bytes, claims: Claims) -> str:
    """A token that holds the claims."""
    payload = {"sub": claims.user, "document": claims.document, "exp": claims.expires}
    signed = f"{_encode(json.dumps(_HEADER).encode())}.{_encode(json.dumps(payload).encode())}"
    return f"{signed}.{_encode(_sign(secret, signed))}"


def check_token(secret: bytes, token: str, *, document: str, now: float) -> Claims:
    """The claims of a token.

    Args:
        secret: the shared key.
        token: what a client sent.
        document: the one it wants.
        now: seconds since 1970.

    Raises:
        Forbidden: the token is no good for that document, or not any more.
    """
    signed, _, signature = token.rpartition(".")
    try:
        genuine = hmac.compare_digest(_decode(signature), _sign(secret, signed))
        payload = json.loads(_decode(signed.partition(".")[2])) if genuine else {}
        claims = Claims(str(payload["sub"]), str(payload["document"]), int(payload["exp"]))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise Forbidden("the token is not valid") from error
    if claims.document != document or claims.expires < now:
        raise Forbidden("the token is for another document, or has expired")
    return claims


def _sign(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
