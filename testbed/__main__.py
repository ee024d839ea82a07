"""A cluster of real parts on this machine: ``python -m testbed up | down | status``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.cluster import Cluster, NotDownError, Wanted, default_folder
from testbed.control_plane import NotStartedError
from testbed.images import RECIPES
from testbed.parts import PartMissingError


def main() -> int:
    """Bring a cluster up, say how it stands, or take it down."""
    options = _options()
    cluster = Cluster(options.folder.resolve())
    try:
        if options.verb == "up":
            cluster.up(Wanted(options.nodes, _images(options.image), gateway=options.gateway), _tell)
            print(f"export KUBECONFIG={cluster.kubeconfig}")
        elif options.verb == "down":
            found = cluster.down()
            print(f"removed: {', '.join(found)}" if found else "nothing was there")
        else:
            print(json.dumps(_standing(cluster), indent=2))
    except (PartMissingError, NotStartedError, NotDownError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _standing(cluster: Cluster) -> dict[str, Any]:
    return {"up": bool(cluster.keeper()), "images": cluster.digests(), "left": cluster.left()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testbed", description=main.__doc__)
    parser.add_argument("verb", choices=("up", "down", "status"))
    parser.add_argument("--folder", type=Path, default=default_folder(), help="of all its files")
    parser.add_argument("--nodes", type=int, choices=range(1, 6), default=2, help="how many (2)")
    parser.add_argument("--gateway", action="store_true", help="with Envoy Gateway, and a balancer before it")
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="NAME:TAG",
        help=f"put an image of this checkout on every node; names: {', '.join(RECIPES)}",
    )
    return parser.parse_args()


def _images(images: list[str]) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for image in images:
        name, _, tag = image.partition(":")
        if name not in RECIPES or not tag:
            raise PartMissingError(f"{image!r} is no NAME:TAG; names are {', '.join(RECIPES)}")
        tags.setdefault(name, []).append(tag)
    return tags


def _tell(step: Mapping[str, Any]) -> None:
    print(f"{step['seconds']:6.1f} s  {step['what']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
