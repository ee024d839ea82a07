"""Asks a registry which digest a tag has.

Sources: OCI Distribution Specification 1.1, "Pulling manifests"; CNCF Distribution, "Token Authentication
Specification" (the challenge ``Bearer``, its realm, service and scope) and "Token Scope".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from telamon.errors import PlatformError, TemporaryError, brief
from telamon.platforms.registry.credentials import Login

HUB: Final = "docker.io"
_HUB_HOST: Final = "registry-1.docker.io"
ACCEPTED: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""Kinds of manifests; an index comes first, because its digest holds for every kind of machine."""
TIMEOUT: Final = 20.0
"""Seconds for one answer."""
_PARAMETER: Final = re.compile(r'([A-Za-z_]+)="([^"]*)"')
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_HEADER: Final = "docker-content-digest"


class Registries:
    """Looks up digests, in any registry.

    Args:
        logins: by the host of the registry.
    """

    def __init__(self, logins: Mapping[str, Login]) -> None:
        self._logins = logins
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=False)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def digest(self, registry: str, path: str, *, tag: str) -> str:
        """The digest that a tag has now.

        Args:
            registry: host, and port where it has one.
            path: of the repository.
            tag: of the image.

        Raises:
            TemporaryError: the registry asks to come back later.
            PlatformError: there is no such image, it may not be read, or the registry does not answer.
        """
        name = f"{registry}/{path}:{tag}"
        url = f"{_origin(registry)}/v2/{path}/manifests/{tag}"
        headers = {"Accept": ACCEPTED}
        response = self._ask("HEAD", url, name=name, headers=headers)
        if response.status_code == 401:
            headers |= self._answer(response, registry, path)
            response = self._ask("HEAD", url, name=name, headers=headers)
        _check(response, name)
        found = str(response.headers.get(_HEADER, ""))
        if not found:
            response = self._ask("GET", url, name=name, headers=headers)
            _check(response, name)
            found = f"sha256:{hashlib.sha256(response.content).hexdigest()}"
        if _DIGEST.fullmatch(found) is None:
            raise PlatformError(
                f"the registry tells no sha256 digest of {name}", remedy="Look at the registry."
            )
        return found

    def _ask(self, method: str, url: str, *, name: str, headers: Mapping[str, str]) -> httpx.Response:
        try:
            return self._http.request(method, url, headers=dict(headers))
        except httpx.HTTPError as error:
            raise PlatformError(
                f"the registry of {name} does not answer: {brief(error)}",
                remedy="Check its name, and whether this machine may reach it.",
            ) from error

    def _answer(self, response: httpx.Response, registry: str, path: str) -> Mapping[str, str]:
        """What is sent along once a registry has asked who we are."""
        scheme, _, rest = response.headers.get("www-authenticate", "").partition(" ")
        login = self._logins.get(registry)
        if scheme.lower() == "basic" and login is not None:
            return {"Authorization": _basic(login)}
        parameters = {name.lower(): value for name, value in _PARAMETER.findall(rest)}
        realm = parameters.get("realm", "")
        if scheme.lower() != "bearer" or not _may_be_told(realm):
            return {}
        query = {"scope": parameters.get("scope") or f"repository:{path}:pull"}
        if "service" in parameters:
            query["service"] = parameters["service"]
        headers = {} if login is None else {"Authorization": _basic(login)}
        url = str(httpx.URL(realm).copy_merge_params(query))
        token = _token(self._ask("GET", url, name=f"{registry}/{path}", headers=headers))
        return {"Authorization": f"Bearer {token}"} if token else {}


def _origin(registry: str) -> str:
    host = _HUB_HOST if registry == HUB else registry
    return f"{'http' if _is_here(host) else 'https'}://{host}"


def _is_here(host: str) -> bool:
    """Whether a host is this machine, which alone is spoken to without TLS; container tools do the same."""
    name = urlsplit(f"//{host}").hostname or ""
    return name == "localhost" or name.startswith("127.")


def _may_be_told(realm: str) -> bool:
    """Whether a password may be sent to a realm."""
    parts = urlsplit(realm)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.netloc))


def _basic(login: Login) -> str:
    request = next(
        httpx.BasicAuth(login.username, login.password).auth_flow(httpx.Request("GET", "http://x"))
    )
    return str(request.headers["Authorization"])


def _token(response: httpx.Response) -> str:
    if response.status_code != 200:
        return ""
    try:
        document = response.json()
    except ValueError:
        return ""
    token = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    return token if isinstance(token, str) else ""


def _check(response: httpx.Response, name: str) -> None:
    code = response.status_code
    if code == 200:
        return
    if code == 404:
        raise PlatformError(
            f"there is no image {name}", remedy="Check the version, and the mirror if there is one."
        )
    if code in {401, 403}:
        raise PlatformError(
            f"the registry does not let us read {name} (HTTP {code})",
            remedy="Log in with `docker login`, or name a file of logins with --auth.",
        )
    if code == 429:
        raise TemporaryError(f"the registry of {name} asks to come back later (HTTP 429)", delay=60.0)
    raise PlatformError(f"the registry answers HTTP {code} for {name}", remedy="Look at the registry.")
