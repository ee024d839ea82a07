"""Which role nodes log in as, and where a node finds that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from telamon.desired.component import LoginTurn
from telamon.desired.in_force import InForce
from telamon.desired.lab.data import LabDesired
from telamon.desired.lab.pending import compile_pending
from telamon.errors import MachineError
from telamon.model.stack import Stack
from telamon.naming import ProductName, database_name
from telamon.platforms.lab import facts as machine_facts
from telamon.platforms.lab import installed, logins
from telamon.platforms.lab.secrets import FileSecrets
from telamon.products.base import SecretValue
from tests.golden.lab_inputs import facts, products, stack

LOGIN = "_confluence_b"


def compiled(given: Stack, **roles: str) -> LabDesired:
    """The lab with some roles in force."""
    return compile_pending(given, facts(given), registry=products(given), in_force=InForce(logins=roles))


def test_every_product_with_a_database_begins_as_its_owner_and_has_a_turn_to_come() -> None:
    for part in compiled(stack()).parts:
        if part.database is not None:
            name = database_name(part.desired.product)
            assert (part.database.user, part.desired.login) == (name, name)
            assert part.desired.login_turn is not None
            assert part.desired.login_turn.next == f"_{name}_a"


def test_another_role_outdates_the_nodes_of_the_product_and_of_what_shares_its_database_alone() -> None:
    before, after = compiled(stack()), compiled(stack(), confluence=LOGIN)
    changed = {
        old.desired.name
        for old, new in zip(before.parts, after.parts, strict=True)
        if old.desired.members != new.desired.members
    }
    assert changed == {"confluence", "confluence-synchrony"}
    part, companion = after.part("confluence"), after.part("confluence-synchrony")
    assert part is not None
    assert companion is not None
    assert part.database is not None
    assert (part.database.name, part.database.user) == ("confluence", LOGIN)
    assert (part.desired.login, companion.desired.login) == (LOGIN, LOGIN)
    assert part.desired.login_turn == LoginTurn("_confluence_a", ("confluence-synchrony",))
    told = part.processes[0].environment
    assert told["ATL_JDBC_USER"] == LOGIN
    assert told["ATL_JDBC_PASSWORD"] == SecretValue("acme-confluence-database", LOGIN)
    assert companion.processes[0].environment["SYNCHRONY_DATABASE_USERNAME"] == LOGIN


@pytest.mark.parametrize("role", ["", "_jira_a"])
def test_nodes_that_the_file_tells_another_password_are_left_alone(role: str) -> None:
    given = stack()
    jira = given.spec.products[ProductName("jira")].model_copy(
        update={"env": {"ATL_JDBC_PASSWORD": "theirs"}}
    )
    spec = given.spec.model_copy(update={"products": {**given.spec.products, "jira": jira}})
    part = compiled(given.model_copy(update={"spec": spec}), **({"jira": role} if role else {})).part("jira")
    assert part is not None
    assert part.desired.login_turn is None
    assert part.desired.login == ""


def test_what_is_in_force_is_told_to_the_processes_beside_the_controller(tmp_path: Path) -> None:
    given = stack()
    (tmp_path / "run").mkdir()
    found = facts(given)
    machine_facts.save(replace(found, root=str(tmp_path)))
    installed.keep(
        tmp_path, given, in_force=InForce({"jira": "11.3.1"}, {"jira": "_jira_a"}, {"jira": "11.3.2"})
    )
    part = installed.installed(tmp_path)[1].part("jira")
    assert part is not None
    assert part.desired.login == "_jira_a"
    assert part.desired.upgrade is not None
    assert part.desired.upgrade.to_release == "11.3.2"


def test_the_file_in_a_home_says_what_is_in_force_before_the_node_starts(tmp_path: Path) -> None:
    given = stack()
    found = facts(given)
    secrets = FileSecrets(tmp_path / "secrets")
    secrets.put("acme-confluence-database", {LOGIN: "n&w"})
    part = compiled(given, confluence=LOGIN).part("confluence")
    assert part is not None
    process = part.processes[0]
    home = tmp_path / process.cwd.removeprefix(f"{found.root}/")
    home.mkdir(parents=True)
    process = replace(process, cwd=str(home))
    logins.settle(part, process, secrets=secrets)
    assert list(home.iterdir()) == []
    file = home / "confluence.cfg.xml"
    entry = '<property name="hibernate.connection.{0}">{1}</property>'
    file.write_text(entry.format("username", "confluence") + entry.format("password", "old"))
    file.chmod(0o640)
    logins.settle(part, process, secrets=secrets)
    assert file.read_text() == entry.format("username", LOGIN) + entry.format("password", "n&amp;w")
    assert file.stat().st_mode & 0o777 == 0o640
    before = file.stat().st_ino
    logins.settle(part, process, secrets=secrets)
    assert file.stat().st_ino == before
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MachineError, match="is no text"):
        logins.settle(part, process, secrets=secrets)
