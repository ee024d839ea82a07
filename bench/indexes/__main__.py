"""``python -m bench.indexes FOLDER``: copy an index, kill who takes part, judge, and print JSON; see ``--help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.indexes.large import measure
from bench.indexes.lucene import lucene
from bench.indexes.rounds import crash_points, torture


def main(arguments: Sequence[str]) -> int:
    """Run.

    Args:
        arguments: command line without the program's name.

    Returns:
        0 where no copy was torn.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.indexes", description="Copy an index under kills.")
    parser.add_argument("folder", type=Path, help="for the homes")
    parser.add_argument("--syncs", type=int, default=20, help="copies to put in place (20)")
    parser.add_argument("--seed", type=int, default=1, help="of the operations and of the kills (1)")
    parser.add_argument(
        "--crash-points",
        type=int,
        metavar="STEP",
        help="instead, die before every so manyth change of the disk",
    )
    parser.add_argument(
        "--large", type=int, metavar="MIB", help="instead, time the copy of an index of this size"
    )
    parser.add_argument("--lucene", action="store_true", help="with an index of Lucene, kept by a JVM")
    options = parser.parse_args(arguments)
    if options.large is not None:
        print(json.dumps(asdict(measure(options.folder, mebibytes=options.large, seed=options.seed))))
        return 0
    if options.crash_points is not None:
        tally = crash_points(options.folder, seed=options.seed, step=options.crash_points)
    elif options.lucene:
        with lucene(options.folder / "java") as keeper:
            tally = torture(options.folder, syncs=options.syncs, seed=options.seed, keeper=keeper)
    else:
        tally = torture(options.folder, syncs=options.syncs, seed=options.seed)
    print(json.dumps(asdict(tally)))
    return 1 if tally.torn else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
