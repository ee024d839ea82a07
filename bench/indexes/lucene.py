"""A Lucene index under writes and merges, kept and judged by Lucene itself in a JVM; see ``java/LuceneNode.java``.

It needs a JDK and Maven. Maven brings Lucene from wherever it is set up to look, and the file is held against its
digest. Sources: Apache Maven, "Dependency Plugin", ``dependency:copy``; Apache Lucene 9.12, ``CheckIndex``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError

ARTIFACT = "org.apache.lucene:lucene-core:9.12.3"
DIGEST = "b64a3f8098a7572034fb30085cdee01b34ec81fb0e5a31b471536af58dc6c01b"
"""SHA-256 of its file."""
SOURCE = Path(__file__).parent / "java" / "LuceneNode.java"
TOOLS = ("java", "javac", "mvn")
FLAGS = ("-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Many of these live for a second, so they are to start quickly."""


@dataclass(frozen=True)
class Lucene:
    """Keeps and judges Lucene indexes.

    Args:
        classpath: with Lucene and what was compiled.
        judging: a JVM that judges.
        longest: seconds after which somebody is killed at the latest; a JVM takes about as long to begin.
    """

    classpath: str
    judging: subprocess.Popen[str] = field(repr=False)
    longest: float = 0.6

    def follow(self, home: Path, *, seed: int, batch: int, commits: int) -> None:
        """Become a JVM that applies operations: this process does nothing else any more."""
        words = [*_command(self.classpath), "follow", str(home), str(seed), str(batch), str(commits)]
        os.execvp(words[0], words)  # noqa: S606 - no shell is wanted: the process that is killed must be the JVM itself

    def holds(self, home: Path) -> bool:
        """Whether there is a commit."""
        return any((home / "index" / "main").glob("segments_*"))

    def documents(self, home: Path) -> Mapping[str, str]:
        """Every document, once ``CheckIndex`` has found nothing.

        Raises:
            BenchError: it has found something, or two documents have one key.
        """
        asked, answer = self.judging.stdin, self.judging.stdout
        if asked is None or answer is None:
            raise BenchError("the judge has no pipes")
        asked.write(f"{home / 'index' / 'main'}\n")
        asked.flush()
        found: dict[str, str] = {}
        for line in answer:
            key, parted, value = line.rstrip("\n").partition("\t")
            if not parted:
                if key == "ok":
                    return found
                raise BenchError(key)
            if key in found:
                raise BenchError("two documents have one key")
            found[key] = value
        raise BenchError("the judge has ended")


def lacking() -> str:
    """The programs that are not there, for people; "" where all are."""
    return ", ".join(tool for tool in TOOLS if shutil.which(tool) is None)


@contextmanager
def lucene(folder: Path) -> Iterator[Lucene]:
    """Have Lucene ready while the block runs.

    Args:
        folder: for what is fetched and compiled.

    Raises:
        BenchError: a program is missing, Maven does not bring Lucene, or it brings something else.
    """
    if missing := lacking():
        raise BenchError(f"a JDK and Maven are needed, and these are not there: {missing}")
    folder.mkdir(parents=True, exist_ok=True)
    library = _fetch(folder)
    _run("javac", "-cp", str(library), "-d", str(folder), str(SOURCE))
    classpath = f"{library}{os.pathsep}{folder}"
    with subprocess.Popen(
        [*_command(classpath), "judge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as judging:
        try:
            yield Lucene(classpath, judging)
        finally:
            judging.kill()


def _fetch(folder: Path) -> Path:
    _run("mvn", "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}")
    _, name, version = ARTIFACT.split(":")
    library = folder / f"{name}-{version}.jar"
    if hashlib.sha256(library.read_bytes()).hexdigest() != DIGEST:
        raise BenchError(f"{library.name} is not the file that it should be")
    return library


def _command(classpath: str) -> tuple[str, ...]:
    return ("java", *FLAGS, "-cp", classpath, SOURCE.stem)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{words[0]} failed: {(done.stdout + done.stderr).strip()[-400:]}")
