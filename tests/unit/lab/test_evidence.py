"""The support archive: what is in it, and that no secret ever is."""

from __future__ import annotations

import base64
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.errors import MachineError, PlatformError
from telamon.platforms.lab.evidence import Evidence, gather
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.redaction import Redactor
from telamon.platforms.sqlite import SqliteFile, SqliteJournal, SqliteStore
from telamon.ports import Entry, Stored

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PASSWORD = "tr0ub4dor & <3/é"
LICENSE = "AAABBBCCCDDDEEEFFFGGG\nHHHIIIJJJKKKLLLMMM"
IN_FILE = "planted-in-the-stack-file"
KIND = "PRIVATE KEY"
PEM = f"-----BEGIN {KIND}-----\nMIIEvQIBADANBg\n-----END {KIND}-----"


def written(secret: str) -> list[str]:
    """The ways in which a careless program writes a secret down."""
    return [
        secret,
        quote(secret, safe=""),
        json.dumps(secret),
        base64.b64encode(secret.encode()).decode(),
        f"Authorization: Basic {base64.b64encode(f'admin:{secret}'.encode()).decode()}",
        f"jdbc:postgresql://jira:{quote(secret, safe='')}@127.0.0.1/jira",
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A state folder with secrets planted everywhere."""
    root = tmp_path / "acme"
    for folder in ("log", "run", "edge/membership", "jobs", "homes/jira-1", "tls"):
        (root / folder).mkdir(parents=True)
    secrets = FileSecrets(root / "secrets")
    secrets.put("acme-jira-admin", {"username": "admin", "password": PASSWORD})
    secrets.put("acme-jira-license", {"license": LICENSE})
    lines = [line for secret in (PASSWORD, LICENSE, IN_FILE) for line in written(secret)]
    text = "\n".join(["the user admin logged in", *lines, PEM, "Cookie: JSESSIONID=0123456789ABCDEF"])
    for name in ("jira-0", "jira-1", "database-0", "edge-0", "confluence-0", "controller"):
        (root / "log" / f"{name}.log").write_text(text, encoding="utf-8")
    (root / "jobs" / "jira.json").write_text(json.dumps({"detail": PASSWORD}), encoding="utf-8")
    (root / "edge" / "listeners.json").write_text("{}", encoding="utf-8")
    (root / "homes" / "jira-1" / "dbconfig.xml").write_text("what users wrote", encoding="utf-8")
    (root / "tls" / "front.key").write_text(PEM, encoding="utf-8")
    file = SqliteFile(root / "store.sqlite")
    spec = {"stack": {"spec": {"products": {"jira": {"env": {"MAIL_PASSWORD": IN_FILE, "LANG": "C"}}}}}}
    SqliteStore(file).put(Stored("Stack", "acme", 0, 0, spec))
    SqliteJournal(file).append(
        Entry(0, 1.0, "jira", "outcome", "start jira-1", f"failed: {PASSWORD}", "jira-1")
    )
    file.close()
    return root


def contents(found: Evidence) -> dict[str, str]:
    """What is in an archive, by its name below the top folder."""
    inside = {}
    with tarfile.open(found.path) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None
            inside[member.name.partition("/")[2]] = content.read().decode()
    return inside


def test_no_secret_is_in_the_archive(root: Path, tmp_path: Path) -> None:
    found = gather(root, tmp_path / "support.tar.gz", member="", at=AT)
    text = "\n".join(contents(found).values())
    for secret in (PASSWORD, *LICENSE.split(), IN_FILE, "MIIEvQIBADANBg", "0123456789ABCDEF"):
        for form in written(secret)[:4]:
            assert form.strip('"') not in text, form
    for secret in (PASSWORD, LICENSE):
        assert base64.b64encode(f"admin:{secret}".encode()).decode() not in text
    assert found.redacted > 50
    assert "the user admin logged in" in text
    assert (found.path.stat().st_mode & 0o777) == 0o600


def test_the_archive_tells_what_happened_and_holds_nothing_of_users(root: Path, tmp_path: Path) -> None:
    found = gather(root, tmp_path / "support.tar.gz", member="", at=AT)
    inside = contents(found)
    assert set(inside) == set(found.files)
    assert {"manifest.json", "journal.jsonl", "objects.json", "machine.txt", "log/jira-1.log"} <= set(inside)
    assert "start jira-1" in inside["journal.jsonl"]
    assert json.loads(inside["manifest.json"])["notIn"]
    assert "what users wrote" not in "\n".join(inside.values())
    assert (
        json.loads(inside["objects.json"])[0]["spec"]["stack"]["spec"]["products"]["jira"]["env"]["LANG"]
        == "C"
    )


def test_an_archive_about_one_member_has_its_logs_and_those_it_stands_on(root: Path, tmp_path: Path) -> None:
    found = gather(root, tmp_path / "support.tar.gz", member="jira-1", at=AT)
    logs = {name for name in found.files if name.startswith("log/")}
    assert logs == {f"log/{name}.log" for name in ("jira-1", "database-0", "edge-0", "controller")}
    with pytest.raises(PlatformError, match="jira-7"):
        gather(root, tmp_path / "other.tar.gz", member="jira-7", at=AT)


def test_what_cannot_be_read_is_named_and_the_rest_is_there(root: Path, tmp_path: Path) -> None:
    (root / "store.sqlite").write_bytes(b"this is not a database" * 100)
    found = gather(root, tmp_path / "support.tar.gz", member="", at=AT)
    assert any(line.startswith("journal.jsonl") for line in found.left_out)
    assert "log/jira-1.log" in found.files


def test_an_archive_that_cannot_be_written_leaves_nothing(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="absent"):
        gather(root, tmp_path / "absent" / "support.tar.gz", member="", at=AT)


def test_the_end_of_a_long_log_is_kept_and_its_first_line_is_whole(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telamon.platforms.lab.evidence.LOG_BYTES", 1_000)
    (root / "log" / "jira-1.log").write_text("".join(f"line {n:04}\n" for n in range(900)), encoding="utf-8")
    inside = contents(gather(root, tmp_path / "support.tar.gz", member="jira-1", at=AT))
    lines = inside["log/jira-1.log"].splitlines()
    assert lines[-1] == "line 0899"
    assert all(len(line) == len("line 0899") for line in lines)


@given(
    before=st.text(max_size=30),
    secret=st.text(min_size=6, max_size=40).filter(lambda text: text == text.strip() and "[" not in text),
    after=st.text(max_size=30),
)
def test_a_known_secret_never_stays(before: str, secret: str, after: str) -> None:
    cleared = Redactor({"x": secret}).text(f"{before}{secret}{after}")
    assert secret not in cleared or secret in "[redacted x]"


def test_words_that_only_look_alike_stay() -> None:
    text = "the tokeniser passed; secretary: none; password reset was asked for by ada"
    assert "passed" in Redactor({}).text(text)
    assert "password reset was asked for by ada" in Redactor({}).text(text)
