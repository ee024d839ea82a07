"""Overlays: what they change, and what is wrong with one, each in the file that it stands in."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from telamon.products.registry import registry
from telamon.stackfile.build import build
from telamon.stackfile.reader import Reading, read
from telamon.stackfile.sources import LONGEST_CHAIN

BASE = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
  products:
    jira:
      version: 11.3.1
      nodes: 3
      jvmArgs: [-Da=b, -Dc=d]
      volumes:
        - {name: one, mountPath: /one, secret: a}
        - {name: two, mountPath: /two, secret: b}
"""

HEAD = "apiVersion: telamon.dev/v1alpha1\nkind: StackOverlay\nextends: base.yaml\n"


class Files:
    """A loader over files in memory, all in one folder."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def __call__(self, reference: str, *, beside: str) -> tuple[str, bytes]:
        if reference not in self.files:
            raise FileNotFoundError(2, "No such file or directory", reference)
        return reference, self.files[reference].encode()


def reading_of(overlay: str, **others: str) -> Reading:
    files = {"base.yaml": BASE} | {f"{name}.yaml": text for name, text in others.items()}
    return read(overlay, source="over.yaml", registry=registry(), loader=Files(files))


def jira(overlay: str) -> Mapping[str, object]:
    stack = reading_of(overlay).require()
    made: Mapping[str, object] = stack.model_dump(mode="json", exclude_unset=True)["spec"]["products"]["jira"]
    return made


def test_mappings_merge_by_key() -> None:
    changed = jira(HEAD + "spec: {products: {jira: {nodes: 2, edition: software}}}\n")
    assert (changed["version"], changed["nodes"], changed["edition"]) == ("11.3.1", 2, "software")


def test_lists_of_named_items_merge_by_name() -> None:
    changed = jira(
        HEAD
        + """\
spec:
  products:
    jira:
      volumes:
        - {name: three, mountPath: /three, claim: c}
        - {name: one, secret: z}
        - {name: two, delete: true}
"""
    )
    assert changed["volumes"] == [
        {"name": "one", "mountPath": "/one", "secret": "z"},
        {"name": "three", "mountPath": "/three", "claim": "c"},
    ]


def test_other_lists_are_replaced() -> None:
    assert jira(HEAD + "spec: {products: {jira: {jvmArgs: [-Dx=y]}}}\n")["jvmArgs"] == ["-Dx=y"]


def test_nothing_after_a_key_takes_it_out() -> None:
    changed = jira(HEAD + "spec:\n  products:\n    jira:\n      nodes:\n      volumes: null\n")
    assert set(changed) == {"version", "jvmArgs"}


def test_an_overlay_may_extend_an_overlay() -> None:
    second = HEAD.replace("base.yaml", "middle.yaml") + "spec: {products: {jira: {nodes: 1}}}\n"
    reading = reading_of(second, middle=HEAD + "metadata: {name: second}\nspec: {domain: b.example}\n")
    stack = reading.require()
    assert (stack.metadata.name, stack.spec.domain) == ("second", "b.example")
    assert next(iter(stack.spec.products.values())).nodes == 1


def test_what_is_built_stands_alone_and_is_no_overlay() -> None:
    printed = build(reading_of(HEAD + "spec: {environment: dev}\n").require())
    assert "kind: Stack\n" in printed
    assert "extends" not in printed
    assert read(printed, source="built.yaml", registry=registry()).problems == ()


def test_a_problem_points_into_the_file_that_the_value_came_from() -> None:
    broken = BASE.replace("nodes: 3", "nodes: 30")
    reading = reading_of(HEAD + "spec: {environment: prod}\n", base=broken)
    assert [(found.file, found.line, found.path) for found in reading.problems] == [
        ("over.yaml", 4, "spec.environment"),
        ("base.yaml", 9, "spec.products.jira.nodes"),
    ]


@pytest.mark.parametrize(
    ("overlay", "line", "rule", "words"),
    [
        (HEAD.replace("base.yaml", "bsae.yaml"), 3, "extends", "cannot be read: No such file"),
        (HEAD.replace("base.yaml", "/etc/passwd"), 3, "extends", "not a relative path"),
        (HEAD.replace("base.yaml", "https://a.example/b.yaml"), 3, "extends", "not a relative path"),
        (HEAD.replace("base.yaml", "[a, b]"), 3, "extends", "not the name of a file"),
        (HEAD.replace("base.yaml", "over.yaml"), 3, "extends", "cannot be read"),
        (HEAD.replace("StackOverlay", "Stack"), 2, "kind", "not a whole stack"),
        (HEAD.replace("extends: base.yaml\n", "spec: {domain: a.b}\n"), 2, "kind", "what it extends"),
        (HEAD + "spec: {products: {jira: {nodez: }}}\n", 4, "nothing-to-delete", 'no "nodez"'),
        (
            HEAD + "spec: {products: {jira: {volumes: [{name: thre, delete: true}]}}}\n",
            4,
            "nothing-to-delete",
            "thre",
        ),
        (HEAD + "spec: {products: {jira: {nodez: 2}}}\n", 4, "unknown-key", 'no "nodez"'),
        (
            HEAD + "spec: {products: {jira: {volumes: [{name: one, claim: c}]}}}\n",
            4,
            "volume-has-one-source",
            "secret and claim",
        ),
        (HEAD + "spec: {products: {jira: }}\n", 4, "bound", "empty"),
        (HEAD + "spec: [a]\n", 4, "type", "list"),
    ],
)
def test_a_wrong_overlay_is_refused_where_it_is_wrong(overlay: str, line: int, rule: str, words: str) -> None:
    problems = reading_of(overlay).problems
    assert [(found.file, found.rule) for found in problems if found.line == line] == [("over.yaml", rule)]
    assert words in next(found.message for found in problems if found.line == line)


def test_overlays_that_extend_one_another_are_refused() -> None:
    one, two = HEAD.replace("base.yaml", "two.yaml"), HEAD.replace("base.yaml", "one.yaml")
    reading = reading_of(one, one=one, two=two)
    assert [found.rule for found in reading.problems] == ["extends"]
    assert "no end: two.yaml -> one.yaml -> two.yaml" in reading.problems[0].message


def test_a_chain_has_a_greatest_length() -> None:
    chain = {f"link{n}": HEAD.replace("base.yaml", f"link{n + 1}.yaml") for n in range(LONGEST_CHAIN)}
    chain[f"link{LONGEST_CHAIN - 2}"] = HEAD
    assert reading_of(HEAD.replace("base.yaml", "link0.yaml"), **chain).problems[0].rule == "extends"
    chain[f"link{LONGEST_CHAIN - 3}"] = HEAD
    assert reading_of(HEAD.replace("base.yaml", "link0.yaml"), **chain).stack is not None


def test_an_overlay_without_its_base_is_still_checked_for_itself() -> None:
    reading = reading_of(HEAD.replace("base.yaml", "nowhere.yaml") + "spec: {environment: prod, edje: {}}\n")
    assert {found.rule for found in reading.problems} == {"extends", "unknown-word", "unknown-key"}


def test_a_reader_without_a_loader_says_so() -> None:
    reading = read(HEAD, source="over.yaml", registry=registry())
    assert "cannot be read" in reading.problems[0].message


PROFILE = """\
command: [serve, "${port.http}"]
ports: {http: 8000}
status: {path: /health}
"""
SHOP = BASE.partition("    jira:")[0] + "    shop: {profile: shop.yaml}\n"


def test_a_profile_may_stand_in_a_file_of_its_own() -> None:
    stack = read(
        SHOP, source="stack.yaml", registry=registry(), loader=Files({"shop.yaml": PROFILE})
    ).require()
    assert "http: 8000" in build(stack)
    assert read(build(stack), source="built.yaml", registry=registry()).require() == stack


def test_a_problem_of_a_profile_points_into_its_file() -> None:
    spoiled = PROFILE.replace("${port.http}", "${port.https}").replace("path: /health", "path: health")
    reading = read(SHOP, source="stack.yaml", registry=registry(), loader=Files({"shop.yaml": spoiled}))
    assert [(found.file, found.line, found.path) for found in reading.problems] == [
        ("shop.yaml", 1, "spec.products.shop.profile.command[1]"),
        ("shop.yaml", 3, "spec.products.shop.profile.status.path"),
    ]


@pytest.mark.parametrize(
    ("profile", "rule"), [(None, "profile"), ("- a\n", "profile"), ("a: [\n", "syntax"), ("", "empty")]
)
def test_a_profile_that_cannot_be_read_is_one_problem(profile: str | None, rule: str) -> None:
    files = Files({} if profile is None else {"shop.yaml": profile})
    reading = read(SHOP, source="stack.yaml", registry=registry(), loader=files)
    assert [found.rule for found in reading.problems] == [rule]
