"""``python -m tests.simulation --seed N``: play one history again, and print every step of it."""

from __future__ import annotations

import argparse
import sys

from telamon.plan.step import describe
from tests.simulation.history import History


def main() -> None:
    """Play a history."""
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--verb", help="what is asked for, where it is not what the seed draws")
    options = parser.parse_args()
    history = History(options.seed, verb=options.verb)
    told = sys.stdout.write
    told(f"{history.plot}\n")
    try:
        history.play()
    finally:
        for step in history.made.steps:
            told(f"{describe(step)} - {step.because}\n")
    told(f"all is as it must be: {history.made.endings}\n")


if __name__ == "__main__":
    main()
