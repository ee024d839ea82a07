"""``python -m tests.simulation --seed N``: play one history again, and print every step of it.

With ``--to M`` all histories from the one seed to the other are played; what goes wrong is told for each.
"""

from __future__ import annotations

import argparse
import sys

from telamon.plan.step import describe
from tests.simulation.history import History, play


def main() -> int:
    """Play a history, or many."""
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--to", type=int, help="the last seed of many")
    parser.add_argument("--verb", help="what is asked for, where it is not what the seed draws")
    options = parser.parse_args()
    if options.to is not None:
        return _play_all(range(options.seed, options.to + 1), options.verb)
    history = History(options.seed, verb=options.verb)
    told = sys.stdout.write
    told(f"{history.plot}\n")
    try:
        history.play()
    finally:
        for step in history.made.steps:
            told(f"{describe(step)} - {step.because}\n")
    told(f"all is as it must be: {history.made.endings}\n")
    return 0


def _play_all(seeds: range, verb: str | None) -> int:
    failed = 0
    for seed in seeds:
        try:
            play(seed, verb)
        except AssertionError as error:
            failed += 1
            sys.stdout.write(f"{error}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(seeds)} histories, {failed} of them did not end well\n")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
