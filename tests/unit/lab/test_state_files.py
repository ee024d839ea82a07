"""What the lab keeps on the disk: whole or not at all, for its owner alone, readable by the next controller."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from telamon.desired.lab.data import FileDesired, SecretDesired, SecretKind
from telamon.desired.lab.fingerprint import desired_fingerprint
from telamon.errors import MachineError, NotReadyError, PlatformError
from telamon.platforms import files
from telamon.platforms.calls.parts import JOBS_KEPT
from telamon.platforms.lab import objects, tls
from telamon.platforms.lab.records import FileJobRecords
from telamon.platforms.lab.secrets import FileSecrets
from telamon.products.base import JoinedValue, SecretValue
from telamon.state.world import JobPhase, JobState

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with no room left. Mounting one needs root and a kernel that lets it."""
    place = tmp_path / "full"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this user cannot mount a small disk")
    try:
        with pytest.raises(OSError, match="No space left"), (place / "ballast").open("wb") as ballast:
            ballast.write(bytes(1 << 20))
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_is_replaced_whole_with_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, "old")
    with path.open(encoding="utf-8") as opened:
        files.write(path, "new", mode=0o640)
        assert opened.read() == "old"
    assert (path.read_text(encoding="utf-8"), mode(path)) == ("new", 0o640)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_full_disk_is_named_and_leaves_the_old_file(full_disk: Path) -> None:
    with pytest.raises(MachineError, match="no room left") as caught:
        files.write(full_disk / "file", "x" * 100_000)
    assert caught.value.remedy is not None
    assert "--state" in caught.value.remedy
    assert [found.name for found in full_disk.iterdir()] == ["ballast"]


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(MachineError, match="file"):
        files.make_folder(tmp_path / "file" / "below")


def test_folder_gets_its_rights_again(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    files.make_folder(place, mode=0o711)
    place.chmod(0o777)
    files.make_folder(place, mode=0o700)
    assert mode(place) == 0o700


def test_objects_are_written_once_and_seen_as_they_are(tmp_path: Path) -> None:
    wanted = (FileDesired("edge/list.json", "[]", once=True), FileDesired("edge/config.json", "{}"))
    assert objects.fingerprint(tmp_path, wanted) is None
    objects.apply(tmp_path, wanted, account=None)
    assert objects.fingerprint(tmp_path, wanted) == desired_fingerprint(wanted)
    (tmp_path / "edge" / "list.json").write_text("[1]", encoding="utf-8")
    assert objects.fingerprint(tmp_path, wanted) == desired_fingerprint(wanted)
    objects.apply(tmp_path, wanted, account=None)
    assert (tmp_path / "edge" / "list.json").read_text(encoding="utf-8") == "[1]"
    (tmp_path / "edge" / "config.json").write_text("{ }", encoding="utf-8")
    assert objects.fingerprint(tmp_path, wanted) != desired_fingerprint(wanted)
    (tmp_path / "edge" / "list.json").unlink()
    objects.withdraw(tmp_path, wanted)
    assert list((tmp_path / "edge").iterdir()) == []


def test_secrets_are_made_once_and_for_their_owner(tmp_path: Path) -> None:
    store = FileSecrets(tmp_path / "secrets")
    wanted = (
        SecretDesired(SecretValue("app-admin", "password"), SecretKind.PASSWORD),
        SecretDesired(SecretValue("app-admin", "username"), SecretKind.TEXT, "admin"),
        SecretDesired(SecretValue("app-license", "license"), SecretKind.LICENSE),
    )
    assert store.ensure(wanted) == tuple(secret.value for secret in wanted)
    password = store.get("app-admin", "password")
    assert FileSecrets(tmp_path / "secrets").ensure(wanted) == ()
    assert store.get("app-admin", "password") == password
    assert store.get("app-admin", "username") == "admin"
    assert list(store.names()) == [("app-admin", ("password", "username")), ("app-license", ("license",))]
    assert mode(tmp_path / "secrets") == 0o700
    assert {mode(path) for path in (tmp_path / "secrets").iterdir()} == {0o600}


def test_secret_that_is_lost_is_not_made_anew(tmp_path: Path) -> None:
    store = FileSecrets(tmp_path)
    wanted = (
        SecretDesired(SecretValue("app-admin", "password"), SecretKind.PASSWORD),
        SecretDesired(SecretValue("app-database", "password"), SecretKind.PASSWORD),
    )
    store.ensure(wanted[:1])
    (tmp_path / "app-admin.json").unlink()
    with pytest.raises(PlatformError, match="app-admin") as caught:
        store.ensure(wanted)
    assert "app-database" not in str(caught.value)
    assert list(store.names()) == []
    store.put("app-admin", {"password": "as before"})
    assert store.ensure(wanted) == (wanted[1].value,)


@pytest.mark.parametrize("text", ["{", "[]", '"text"'])
def test_damaged_secret_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "app-admin.json").write_text(text, encoding="utf-8")
    with pytest.raises(PlatformError, match=r"app-admin\.json is damaged"):
        FileSecrets(tmp_path).get("app-admin", "password")


def test_secret_given_by_a_person_is_not_replaced(tmp_path: Path) -> None:
    store = FileSecrets(tmp_path)
    store.put("app-license", {"license": "AAAB"})
    store.ensure([SecretDesired(SecretValue("app-license", "license"), SecretKind.LICENSE)])
    assert store.get("app-license", "license") == "AAAB"


def test_missing_secret_is_named_and_no_value_is(tmp_path: Path) -> None:
    store = FileSecrets(tmp_path)
    store.put("app-admin", {"password": "hidden"})
    with pytest.raises(PlatformError, match="secret app-admin has no email") as caught:
        store.get("app-admin", "email")
    assert "hidden" not in f"{caught.value} {caught.value.remedy}"


def test_environment_gets_its_secrets_at_the_very_end(tmp_path: Path) -> None:
    store = FileSecrets(tmp_path)
    store.put("db", {"password": "p"})
    password = SecretValue("db", "password")
    told = store.resolve({"A": "a", "B": password, "C": JoinedValue(("postgresql://u:", password, "@h/d"))})
    assert told == {"A": "a", "B": "p", "C": "postgresql://u:p@h/d"}


def test_records_outlive_the_controller_and_end_what_it_began(tmp_path: Path) -> None:
    first = FileJobRecords(tmp_path / "jobs")
    first.put("app", JobState("set-up", JobPhase.RUNNING))
    first.put("app", JobState("service-account", JobPhase.SUCCEEDED, ended=5.0, result="done"))
    first.note("app", 1.0, text="posted:license")
    second = FileJobRecords(tmp_path / "jobs")
    second.interrupt()
    jobs = second.jobs("app")
    assert jobs["set-up"].phase is JobPhase.FAILED
    assert jobs["service-account"] == JobState(
        "service-account", JobPhase.SUCCEEDED, ended=5.0, result="done"
    )
    assert second.notes("app") == ((1.0, "posted:license"),)
    assert second.jobs("nobody") == {}


def test_ended_jobs_of_operations_are_forgotten_in_the_end_and_standing_ones_never(tmp_path: Path) -> None:
    records = FileJobRecords(tmp_path)
    records.put("app", JobState("service-account", JobPhase.SUCCEEDED, ended=1.0))
    records.put("app", JobState("upgrade/long", JobPhase.RUNNING))
    for number in range(JOBS_KEPT + 2):
        records.put("app", JobState(f"share-index/sync-{number}", JobPhase.SUCCEEDED, ended=2.0 + number))
    left = FileJobRecords(tmp_path).jobs("app")
    assert len(left) == JOBS_KEPT + 2
    assert {"service-account", "upgrade/long", f"share-index/sync-{JOBS_KEPT + 1}"} <= set(left)
    assert not {"share-index/sync-0", "share-index/sync-1"} & set(left)


def test_damaged_record_is_named(tmp_path: Path) -> None:
    records = FileJobRecords(tmp_path)
    (tmp_path / "app.json").write_text("{", encoding="utf-8")
    with pytest.raises(PlatformError, match=r"app\.json"):
        records.jobs("app")


def test_certificate_is_kept_until_it_runs_out_or_serves_another_name(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError):
        tls.authority(tmp_path)
    first = tls.ensure(tmp_path, hosts=["app.acme.localhost"], addresses=["127.0.0.1"], now=NOW)
    again = tls.ensure(
        tmp_path, hosts=["app.acme.localhost"], addresses=["127.0.0.1"], now=NOW + timedelta(days=300)
    )
    assert again == first
    late = tls.ensure(
        tmp_path, hosts=["app.acme.localhost"], addresses=["127.0.0.1"], now=NOW + timedelta(days=380)
    )
    other = tls.ensure(tmp_path, hosts=["new.acme.localhost"], addresses=["127.0.0.1"], now=NOW)
    assert len({first.certificate, late.certificate, other.certificate}) == 3
    authority = x509.load_pem_x509_certificate(tls.authority(tmp_path).encode())
    for found in (first, late, other):
        x509.load_pem_x509_certificate(Path(found.certificate).read_bytes()).verify_directly_issued_by(
            authority
        )
        assert mode(Path(found.key)) == 0o600
    assert mode(tmp_path / "authority.key") == 0o600
