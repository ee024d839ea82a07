"""The SSH keys people registered.

Source: Bitbucket Data Center REST documentation, "SSH keys": ``/rest/ssh/latest/keys``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

import asyncssh
import psycopg

from understudy.bitbucket.errors import Refusal, invalid, taken
from understudy.bitbucket.rows import returned
from understudy.kit.accounts import Accounts, Principal
from understudy.kit.database import Database, Row

_SMALLEST_RSA_BITS = 2048
_SELECT: LiteralString = "select id, user_name, label, key_text, fingerprint from ssh_public_key"


@dataclass(frozen=True)
class RegisteredKey:
    """A public key of somebody."""

    id: int
    owner: str
    label: str
    text: str
    fingerprint: str


class SshKeys:
    """Reads and changes registered keys.

    Args:
        database: where they are.
        accounts: the people.
    """

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    def add(self, owner: Principal, text: str) -> RegisteredKey:
        """Register a key.

        Raises:
            Refusal: it is no usable key, or somebody registered it already.
        """
        key = read_key(text)
        label = key.get_comment() if key.has_comment() else ""
        plain = key.export_public_key("openssh").decode().strip()
        try:
            with self._database.transaction() as connection:
                row = connection.execute(
                    """insert into ssh_public_key (user_name, label, key_text, fingerprint) values (%s, %s, %s, %s)
                       returning id, user_name, label, key_text, fingerprint""",
                    (owner.name.lower(), label, plain, key.get_fingerprint()),
                ).fetchone()
        except psycopg.errors.UniqueViolation as error:
            message = "This SSH key has already been added."
            raise taken(message, exception="ssh.DuplicateSshKeyException", field="text") from error
        return _key(returned(row))

    def of(self, owner: Principal) -> list[RegisteredKey]:
        """The keys of somebody, oldest first."""
        rows = self._database.fetch_all(_SELECT + " where user_name = %s order by id", (owner.name.lower(),))
        return [_key(row) for row in rows]

    def find(self, owner: Principal, identity: int) -> RegisteredKey:
        """One key of somebody.

        Raises:
            Refusal: they have none of that number.
        """
        statement: LiteralString = _SELECT + " where user_name = %s and id = %s"
        row = self._database.fetch_one(statement, (owner.name.lower(), identity))
        if row is None:
            raise Refusal("No such SSH key.", status=404, exception="ssh.NoSuchSshKeyException")
        return _key(row)

    def remove(self, owner: Principal, identity: int | None = None) -> None:
        """Remove one key of somebody, or all of them; one that is gone is fine."""
        self._database.execute(
            "delete from ssh_public_key where user_name = %s and (%s::bigint is null or id = %s)",
            (owner.name.lower(), identity, identity),
        )

    def owner_of(self, fingerprint: str) -> Principal | None:
        """The active person a key belongs to."""
        row = self._database.fetch_one(_SELECT + " where fingerprint = %s", (fingerprint,))
        principal = None if row is None else self._accounts.find(row["user_name"])
        return principal if principal is not None and principal.active else None


def read_key(text: str) -> asyncssh.SSHKey:
    """A public key in OpenSSH's form.

    Raises:
        Refusal: it is none, or too weak.
    """
    try:
        key = asyncssh.import_public_key(text.strip())
    except (asyncssh.KeyImportError, ValueError) as error:
        raise invalid("This is not a valid SSH public key.", field="text") from error
    if key.get_algorithm() == "ssh-dss" or _rsa_bits(key) < _SMALLEST_RSA_BITS:
        raise invalid(
            f"RSA keys of less than {_SMALLEST_RSA_BITS} bits, and DSA keys, are not allowed.", field="text"
        )
    return key


def _rsa_bits(key: asyncssh.SSHKey) -> int:
    """The length of an RSA key in bits; another kind counts as long enough."""
    if key.get_algorithm() != "ssh-rsa":
        return _SMALLEST_RSA_BITS
    # Of the encoded key about 23 bytes are names and lengths, the rest is the modulus.
    return (len(key.public_data) - 23) * 8


def _key(row: Row) -> RegisteredKey:
    return RegisteredKey(row["id"], row["user_name"], row["label"], row["key_text"], row["fingerprint"])
