"""The command line as a process: streams, signals, shells."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.desk import Desk

TELAMON = (sys.executable, "-m", "telamon.cli")
ROOT = Path(__file__).resolve().parents[3]


def environment(**more: str) -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def telamon(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TELAMON, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(**more),
    )


def test_answers_and_notes_have_streams_of_their_own(desk: Desk) -> None:
    good, bad = telamon("validate"), telamon("validate", "absent.yaml")
    assert (good.returncode, good.stdout, good.stderr) == (0, "stack.yaml: the stack acme is valid\n", "")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("error: there is no file absent.yaml")


def test_standard_input_is_a_file_too(desk: Desk) -> None:
    with Path("stack.yaml").open("rb") as given:
        done = subprocess.run(
            [*TELAMON, "build", "-"], stdin=given, capture_output=True, check=True, env=environment()
        )
    assert b"name: acme" in done.stdout


def test_a_reader_that_goes_away_is_no_error(desk: Desk) -> None:
    line = f"{sys.executable} -m telamon.cli schema | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, check=False, timeout=60, env=environment()
    )
    assert (done.returncode, done.stdout, done.stderr) == (141, b"{", b"")


def test_a_full_disk_under_the_answer_is_an_error(desk: Desk) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [*TELAMON, "version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment(),
        )
    assert done.returncode == 6
    assert "the answer cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_no_reason_to_fail(desk: Desk, closed: str) -> None:
    line = f"{sys.executable} -m telamon.cli version {closed}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, check=False, timeout=60, env=environment()
    )
    assert done.returncode == 0, done.stderr


def test_a_locale_that_knows_few_signs(desk: Desk) -> None:
    text = Path("stack.yaml").read_text(encoding="utf-8")
    Path("stack.yaml").write_text(text + "  # ✓\n  “quoted”: 1\n", encoding="utf-8")
    done = telamon("validate", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_following(desk: Desk) -> None:
    folder = desk.folder / "acme" / "log"
    folder.mkdir(parents=True)
    (folder / "jira-0.log").write_text("ready\n", encoding="utf-8")
    following = subprocess.Popen(
        [*TELAMON, "logs", "jira-0", "-f", "--stack", "stack.yaml", "--state", str(folder.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with following:
        assert following.stdout is not None
        assert following.stdout.readline() == "ready\n"
        following.send_signal(signal.SIGINT)
        _, err = following.communicate(timeout=30)
    assert (following.returncode, err) == (130, "interrupted\n")


def on_a_terminal(*arguments: str, **more: str) -> str:
    """What a person sees."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [*TELAMON, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**more)
        )
    finally:
        os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(ours)
    process.wait(timeout=30)
    return seen.decode()


def test_colours_are_for_terminals_that_want_them(desk: Desk) -> None:
    wrong = ("version", "--absent")
    assert "\x1b[1;31merror:" in on_a_terminal(*wrong, TERM="xterm-256color", NO_COLOR="")
    assert "\x1b" not in on_a_terminal(*wrong, TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b" not in telamon(*wrong, TERM="xterm-256color").stderr


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("telamon va", "validate"), ("telamon validate --l", "--lab"), ("telamon completion z", "zsh")],
)
def test_a_shell_completes_verbs_options_and_words(desk: Desk, typed: str, offered: str) -> None:
    count = str(len(typed.split()) - 1)
    done = telamon(_TELAMON_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=count)
    assert done.returncode == 0, done.stderr
    assert offered in {line.rpartition(",")[2] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(shell: str) -> None:
    done = telamon("completion", shell)
    assert done.returncode == 0
    assert f"_TELAMON_COMPLETE={shell}_complete" in done.stdout


def test_bash_reads_its_script() -> None:
    line = f'eval "$({sys.executable} -m telamon.cli completion bash)" && complete -p telamon'
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, env=environment()
    )
    assert done.returncode == 0, done.stderr
    assert "_telamon_completion" in done.stdout


def test_the_package_itself_can_be_run(desk: Desk) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "telamon", "version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == telamon("version").stdout
