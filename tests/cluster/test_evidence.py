"""Evidence about a member in quarantine, on a real API server and with the rights that are rendered."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from telamon.errors import DeniedError
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.secrets import SECRET
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.operators import installed
from tests.cluster.support import until
from tests.support.desk import Desk

# An operator starts, and a stack comes up: on a machine that does other work it may take minutes.
pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900)]

NAME = "witnessed"
SPACE = f"{NAME}-tiny"


def test_what_is_gathered_at_the_quarantine_is_fetched_to_a_file(
    plane: ControlPlane, api: Api, machines: Machines, tmp_path: Path
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    desk, kubeconfig = Desk(folder), str(plane.kubeconfig())
    try:
        with installed(plane, api, tmp_path) as cluster:
            cluster.prepare(NAME)
            cluster.start()
            cluster.ask_for(NAME)
            cluster.until_ready(NAME, within=240)
            early = desk.run("support", "tiny-1", "--kubeconfig", kubeconfig)
            assert early.code == 9, early.out
            assert "no evidence about tiny-1" in early.err

            cluster.operation(NAME, "aside", member="tiny-1", verb="quarantine")
            until(lambda: cluster.phase(NAME, "aside") in {"Succeeded", "Failed"}, within=240)
            assert cluster.phase(NAME, "aside") == "Succeeded"
            archive = folder / "tiny-1.tar.gz"
            words = ("support", "tiny-1", "--file", str(archive), "--kubeconfig", kubeconfig, "-o", "json")
            fetched = desk.run(*words)
            assert fetched.code == 0, fetched.out
            documents = {"events.jsonl", "journal.jsonl", "manifest.json", "pod.json", "statefulset.json"}
            # Whether logs are there as well depends on whether machines of this cluster can be asked for them.
            assert {*documents, "status.json"} <= set(fetched.document["files"])
            with tarfile.open(archive) as opened:
                journal = next(name for name in opened.getnames() if name.endswith("/journal.jsonl"))
                content = opened.extractfile(journal)
                assert content is not None
                assert b"tiny-1" in content.read()
            assert archive.stat().st_mode & 0o777 == 0o600

            nobody = desk.run("support", "--kubeconfig", kubeconfig)
            assert nobody.code == 2, nobody.out
            stranger = Api(plane.kubeconfig("somebody", groups=()))
            with pytest.raises(DeniedError):
                stranger.get(SECRET, f"{NAME}-tiny-evidence", namespace=SPACE)
            stranger.close()
            cluster.api.delete(cluster.stack(NAME))
            until(lambda: not cluster.stack(NAME), within=240)
    finally:
        desk.controller.end()
