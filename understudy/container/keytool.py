"""``keytool -importcert``: puts a certificate into a store, which is a file of PEM here.

Only the first certificate of a file is taken, a name is taken once, and a password is needed, as with the real one.
Source: Oracle, "The keytool Command".
"""

from __future__ import annotations

import argparse
import re
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

_LEAST = 6
"""Characters of a store's password."""
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class KeytoolError(Exception):
    """It is refused; the message is the one that is shown."""


def import_certificate(words: Sequence[str]) -> None:
    """Put a certificate into a store.

    Args:
        words: of the command line, without the program.

    Raises:
        KeytoolError: the file has none, the name is there already, or the password is too short.
    """
    parser = argparse.ArgumentParser(prog="keytool", allow_abbrev=False)
    parser.add_argument("-importcert", action="store_true", required=True)
    parser.add_argument("-noprompt", action="store_true", required=True)
    for name in ("-keystore", "-storepass", "-alias", "-file"):
        parser.add_argument(name, required=True)
    given = parser.parse_args(list(words))
    if len(given.storepass) < _LEAST:
        raise KeytoolError(f"Keystore password must be at least {_LEAST} characters")
    found = _CERTIFICATE.search(Path(given.file).read_text(encoding="utf-8"))
    if found is None:
        raise KeytoolError("Input not an X.509 certificate")
    try:
        ssl.PEM_cert_to_DER_cert(found[0])
    except ValueError as error:
        raise KeytoolError("Input not an X.509 certificate") from error
    store = Path(given.keystore)
    before = store.read_text(encoding="utf-8") if store.is_file() else ""
    mark = f"# {given.alias}\n"
    if mark in before:
        raise KeytoolError(f"Certificate not imported, alias <{given.alias}> already exists")
    store.write_text(f"{before}{mark}{found[0]}\n", encoding="utf-8")


def main() -> int:
    """Do what the command line says.

    Returns:
        1 where it is refused.
    """
    try:
        import_certificate(sys.argv[1:])
    except (KeytoolError, OSError) as error:
        sys.stderr.write(f"keytool error: java.lang.Exception: {error}\n")
        return 1
    sys.stderr.write("Certificate was added to keystore\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
