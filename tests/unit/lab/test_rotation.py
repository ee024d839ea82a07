"""What renewing a secret does to the secrets of a lab."""

from __future__ import annotations

from pathlib import Path

from telamon.naming import secret_name
from telamon.plan.works.rotation import RenewClusterSecret
from telamon.platforms.clock import SteadyClock
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.lab.works.context import Context
from telamon.platforms.lab.works.registry import DOERS
from tests.golden.lab_inputs import facts, stack
from tests.golden.lab_inputs import lab as compiled


def test_nodes_find_another_secret_at_their_next_start_and_nothing_else_changes(tmp_path: Path) -> None:
    given = stack()
    found, lab = facts(given), compiled(given)
    secrets = FileSecrets(tmp_path / "secrets")
    secrets.ensure(lab.secrets)
    before = {(name, key): secrets.get(name, key) for name, keys in secrets.names() for key in keys}
    context = Context(tmp_path, "bitbucket", "j", found, lab, secrets, SteadyClock(), print)
    assert DOERS[RenewClusterSecret.kind](context, RenewClusterSecret()) == "done"
    after = {(name, key): secrets.get(name, key) for name, keys in secrets.names() for key in keys}
    changed = {label for label in before if before[label] != after[label]}
    name = secret_name(lab.stack, "bitbucket", purpose="cluster")
    assert changed == {(name, "secret")}
    part = lab.part("bitbucket")
    assert part is not None
    environment = secrets.resolve(part.processes[0].environment)
    assert environment["HAZELCAST_GROUP_PASSWORD"] == after[name, "secret"]
