"""Whoever is made for the load of a drill is let go, at the latest by the next drill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from telamon.errors import MachineError, TelamonError
from telamon.model.stack import Stack
from telamon.products.base import Product
from telamon.proof.drill.crowd import Users, label
from telamon.proof.drill.guests import GuestBook
from telamon.proof.stage import Staged, writers
from tests.support.desk import KeptSecrets
from tests.unit.proof.server import Application, served
from tests.unit.proof.test_stage import Notes, Silent

FIRST, SECOND = 1_700_000_000.0, 1_700_000_100.0


SECRETS = KeptSecrets({"acme-jira-admin": {"username": "ali", "password": "sesame"}})


def users(book: GuestBook, port: int, *, at: float, product: Product | None = None) -> Users:
    stack = Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": {"jira": {"version": "11.3.1"}}},
        }
    )
    url = f"http://notes.localhost:{port}"
    return Users(stack, {"jira": product or Notes()}, {"jira": url}, SECRETS, lambda: at, book)


def come(found: Users, folder: Path) -> Staged:
    return found.come("jira", name="drill", rate=10.0, seconds=5.0, seed=1, folder=folder)


def let_go(application: Application) -> list[str]:
    return [line.split("/")[2] for line in application.seen if "/let-go/" in line]


def test_users_of_a_drill_that_was_killed_are_let_go_by_the_next_one(tmp_path: Path) -> None:
    book = GuestBook(tmp_path / "drills" / "guests.json")
    with served() as (application, port):
        come(users(book, port, at=FIRST), tmp_path)
        assert let_go(application) == []
        next_one = users(book, port, at=SECOND)
        staged = come(next_one, tmp_path)
        assert let_go(application) == list(writers(label(FIRST)))
        next_one.leave("jira", staged)
        assert let_go(application) == [*writers(label(FIRST)), *writers(label(SECOND))]
    assert book.read() == {}


def test_who_was_made_half_is_let_go_too(tmp_path: Path) -> None:
    book = GuestBook(tmp_path / "guests.json")
    with served() as (application, port):
        with pytest.raises(TelamonError):
            come(users(book, port, at=FIRST, product=Silent()), tmp_path)
        come(users(book, port, at=SECOND), tmp_path)
        assert let_go(application) == list(writers(label(FIRST)))


def test_who_could_not_be_let_go_keeps_no_drill_from_running(tmp_path: Path) -> None:
    class Clinging(Notes):
        def dismiss(self, username: str) -> None:  # type: ignore[override]
            raise TelamonError("nobody leaves")

    book = GuestBook(tmp_path / "guests.json")
    book.add("jira", ["old-0"])
    with served() as (_, port):
        come(users(book, port, at=FIRST, product=Clinging()), tmp_path)
    assert set(book.read()["jira"]) == {"old-0", *writers(label(FIRST))}


def test_a_book_that_somebody_wrote_over_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "guests.json"
    path.write_text("{")
    book = GuestBook(path)
    book.add("jira", ["a-0"])
    book.add("wiki", ["b-0", "b-1"])
    book.strike("wiki", ["b-0"])
    book.strike("jira", ["a-0"])
    assert json.loads(path.read_text()) == {"wiki": ["b-1"]}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "drills").write_text("a file")
    with pytest.raises(MachineError, match="drills"):
        GuestBook(tmp_path / "drills" / "guests.json").add("jira", ["a-0"])
