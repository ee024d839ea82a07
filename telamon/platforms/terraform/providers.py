"""Where the AWS provider lies on this machine, for those whose terraform cannot reach a registry.

Source: Terraform documentation, "Implied Local Mirror Directories" and "Command: init" (``-plugin-dir``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from telamon.errors import MachineError
from telamon.platforms.terraform.failures import PLUGINS

PROVIDER_FILE: Final = "terraform-provider-aws_v*"
PLACES: Final = ("/opt", "/usr/local/share", "/usr/share", "~/.terraform.d/plugins")
"""Where unpacked providers are looked for."""


def find_plugins(environment: Mapping[str, str], *, places: Iterable[str] = PLACES) -> Path | None:
    """Find a folder of unpacked providers with the one of AWS in it.

    Args:
        environment: whose ``TELAMON_TF_PLUGIN_DIR`` wins.
        places: folders that are looked through.

    Raises:
        MachineError: the variable names a folder without the provider.
    """
    named = environment.get(PLUGINS)
    if named:
        if next(Path(named).rglob(PROVIDER_FILE), None) is None:
            raise MachineError(
                f"{PLUGINS} names {named}, and there is no {PROVIDER_FILE} below it",
                remedy="Name the folder above the host name, as for `terraform init -plugin-dir`.",
            )
        return Path(named)
    for place in places:
        found = next(_providers(Path(place).expanduser()), None)
        if found is not None:
            # HOST/NAMESPACE/TYPE/VERSION/TARGET/FILE, as terraform wants it.
            return found.parents[5]
    return None


def _providers(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from place.glob(f"**/*/*/aws/*/*/{PROVIDER_FILE}")
