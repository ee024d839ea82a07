"""Keep what belongs to one machine out of the repository.

Refused in every text file: a person's home folder, the folder of this very checkout, the address of a package
index or of a host in a private network, and anything shaped like a secret. A requirements file may hold pins
and hashes alone, for an option in it would decide for the user where packages come from.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.tree import Finding, read_lines, text_files


@dataclass(frozen=True)
class Rule:
    """A shape that no committed line may have.

    Attributes:
        pattern: what is searched for in each line.
        message: what it is, in words.
    """

    pattern: re.Pattern[str]
    message: str


RULES = (
    Rule(re.compile(r"(?<![\w.$}])/(?:home|Users)/[a-z_][\w.-]*|(?<![\w.$}])/roo[t]/[\w.]"), "a home folder"),
    Rule(re.compile(r"index[-_]url\W+https?://|https?://[^\s/]+(?:/[^\s/]+)*/simple\b"), "a package index"),
    Rule(
        re.compile(r"https?://(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+"),
        "a host in a private network",
    ),
    Rule(re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    Rule(re.compile(r"\b(?:AKIA|ASIA)(?![0-9A-Z]{9}EXAMPLE)[0-9A-Z]{16}\b"), "an AWS access key"),
    Rule(
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20}|xox[abprs]-[\w-]{10,})"),
        "an access token",
    ),
    Rule(re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"), "a signed token"),
)
OPTION = re.compile(r"^\s*-(?!-hash=)")


def checkout_rule(root: Path) -> Rule | None:
    """Make the rule that refuses the path of this very checkout.

    Args:
        root: the repository's top folder.

    Returns:
        The rule, or ``None`` where the checkout lies directly under ``/``: such a short path is found in
        innocent text too.
    """
    folder = root.resolve()
    if len(folder.parts) < 3:
        return None
    return Rule(re.compile(re.escape(str(folder)) + r"(?![\w-])"), "the folder of this checkout")


def check_file(root: Path, file: Path) -> Iterator[Finding]:
    """Find what one text file must not hold.

    Args:
        root: the repository's top folder.
        file: the file, relative to it.
    """
    own = checkout_rule(root)
    rules = RULES if own is None else (*RULES, own)
    for number, line in read_lines(root / file):
        for rule in rules:
            if rule.pattern.search(line):
                yield Finding(file, number, f"names {rule.message}")
        if file.parts[0] == "requirements" and OPTION.match(line):
            yield Finding(file, number, "holds an option; a requirements file holds pins and hashes alone")


def main(arguments: list[str]) -> int:
    """Check every text file of the repository.

    Args:
        arguments: the repository's top folder, by default the working folder.

    Returns:
        Exit code: 0 when nothing is found, 1 otherwise.
    """
    root = Path(arguments[0]) if arguments else Path()
    findings = [finding for file in text_files(root) for finding in check_file(root, file)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
