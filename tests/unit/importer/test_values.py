"""Every value of the vendor's charts is accounted for, and nothing secret is carried over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.errors import UsageError
from telamon.importer.assemble import Imported, Wishes, assemble
from telamon.importer.homes import claims_of
from telamon.importer.keys import keys_of
from telamon.importer.values import Ledger, Values, account, rule_of
from telamon.products.chart import CHART_RELEASE, Chart, Fate
from telamon.products.registry import registry
from telamon.stackfile.reader import read

PRODUCTS = sorted(registry())
WISHES = Wishes("acme", domain="acme.example", shared_class="shared")


def chart_of(product: str) -> Chart:
    """What the product's chart calls things."""
    found = registry()[product].chart
    assert found is not None
    return found


def paths(product: str) -> list[str]:
    """Every path of the chart's values."""
    found = []
    text = (Path(__file__).parent / "keys" / f"{product}.txt").read_text(encoding="utf-8")
    assert CHART_RELEASE in text.splitlines()[0]
    for line in text.splitlines()[1:]:
        parent, _, leaves = line.partition(": ")
        found += [leaf if parent == "-" else f"{parent}.{leaf}" for leaf in leaves.split()]
    return found


def nested(path: str, value: Any) -> dict[str, Any]:
    """A document that holds one value."""
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both documents in one."""
    found = dict(one)
    for key, value in other.items():
        below = found.get(key)
        found[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return found


def imported(
    product: str, *documents: dict[str, Any], wishes: Wishes = WISHES, claims: Any = None
) -> Imported:
    """What the values of one product amount to; the file is valid."""
    data: dict[str, Any] = {"image": {"tag": "9.4.16"}}
    for document in documents:
        data = merged(data, document)
    known = claims_of(claims) if claims is not None else ()
    made = assemble([(registry()[product], Values(data))], wishes, claims=known)
    reading = read(made.text, source="imported.yaml", registry=registry())
    assert not reading.problems, reading.problems
    return made


def fate(made: Imported, path: str) -> Fate:
    """What became of a value."""
    return next(each.fate for each in made.accounts if each.path == path)


def section(made: Imported, product: str) -> dict[str, Any]:
    """The product's section."""
    found: dict[str, Any] = made.document["spec"]["products"][product]
    return found


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_value_of_a_chart_has_a_fate_and_a_reason(product: str) -> None:
    keys = keys_of(chart_of(product))
    assert len(paths(product)) > 200
    assert [path for path in paths(product) if rule_of(path, keys) is None] == []
    assert all(each.why for each in keys)


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_path_of_the_table_is_one_of_the_chart(product: str) -> None:
    known = paths(product)
    undocumented = {"image.registry", "ingress.port", "nameOverride", "fullnameOverride"}
    either = {path for name in PRODUCTS for path in paths(name)}
    wrong = [
        path
        for keys in keys_of(chart_of(product))
        for path in keys.paths
        if path not in undocumented
        and not any(each == path or each.startswith(f"{path}.") for each in (*known, *either))
    ]
    own = chart_of(product).section
    assert [path for path in wrong if not path.startswith(f"{own}.")] == []


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_value_that_the_chart_does_not_have_is_named_with_the_one_that_was_meant(product: str) -> None:
    values = Values({"replicaCont": 2, "ingress": {"hots": "a"}})
    told = account(values, Ledger(product), keys=keys_of(chart_of(product)))
    assert [each.fate for each in told] == [Fate.UNKNOWN, Fate.UNKNOWN]
    assert "replicaCount" in told[0].why
    assert "ingress.host" in told[1].why


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_set_is_accounted_for_and_the_file_is_valid(data: st.DataObject) -> None:
    product = data.draw(st.sampled_from(PRODUCTS))
    # Of values that belong together, one alone is as likely as all of them; each is told once, and none is left out.
    chosen = data.draw(st.lists(st.sampled_from(paths(product)), max_size=12, unique=True))
    fixed = {"image.tag", "image.repository", "ingress.host"}
    document: dict[str, Any] = {}
    for path in chosen:
        if path not in fixed:
            document = merged(
                document, nested(path, data.draw(st.sampled_from([None, "", 2, "2", True, False, [], {}])))
            )
    made = assemble([(registry()[product], Values(merged({"image": {"tag": "9.4.16"}}, document)))], WISHES)
    expected = {path for path, _ in Values(document).leaves()} | {"image.tag"}
    told = [each.path for each in made.accounts if "[" not in each.path]
    assert set(told) >= expected
    assert len(told) == len(set(told))
    assert all(each.fate is not Fate.UNKNOWN for each in made.accounts)


def test_a_jira_of_two_nodes_is_carried_over() -> None:
    made = imported(
        "jira",
        {
            "replicaCount": 2,
            "image": {
                "repository": "registry.acme.example/mirror/atlassian/jira-servicemanagement",
                "tag": "11.3.1-jdk17",
            },
            "database": {
                "type": "postgres72",
                "url": "jdbc:postgresql://db.acme.example:6432/jiradb?sslmode=require&ApplicationName=jira",
                "credentials": {"secretName": "jira-db", "usernameSecretKey": "user"},
            },
            "ingress": {
                "create": True,
                "host": "tasks.acme.example",
                "tlsSecretName": "tls",
                "path": "/jira",
            },
            "jira": {
                "resources": {
                    "jvm": {"maxHeap": "8g"},
                    "container": {"requests": {"cpu": "4", "memory": "8G"}},
                },
                "shutdown": {"terminationGracePeriodSeconds": 900},
            },
        },
    )
    found = section(made, "jira")
    assert (found["version"], found["edition"], found["nodes"]) == ("11.3.1", "service-management", 2)
    assert found["baseUrl"] == "https://tasks.acme.example/jira"
    assert found["database"] == {
        "host": "db.acme.example",
        "port": 6432,
        "name": "jiradb",
        "credentials": {"secret": "jira-db", "usernameKey": "user"},
        "tls": "require",
    }
    # Half as much again as heap needs, because what is asked for is the limit.
    assert found["resources"] == {"cpu": "4", "memory": "12Gi", "heap": "8Gi"}
    assert found["stopGrace"] == "900s"
    spec = made.document["spec"]
    assert spec["images"] == {"mirror": "registry.acme.example/mirror"}
    assert spec["edge"] == {"driver": "nginx", "tls": {"kind": "secret", "secret": "tls"}}


def test_companions_come_along() -> None:
    made = imported(
        "confluence",
        {"synchrony": {"enabled": True, "replicaCount": 3, "resources": {"jvm": {"maxHeap": "2g"}}}},
    )
    assert section(made, "confluence")["companions"] == {
        "synchrony": {"nodes": 3, "resources": {"heap": "2Gi"}}
    }
    made = imported("bitbucket", {"opensearch": {"install": True, "persistence": {"size": "40Gi"}}})
    assert section(made, "bitbucket")["companions"] == {"opensearch": {"storage": {"size": "40Gi"}}}


def test_a_search_cluster_of_others_stays_theirs() -> None:
    login = {"secretName": "searcher", "usernameSecretKey": "user", "passwordSecretKey": "password"}
    url = "https://search.acme.example:9243"
    expected = {"url": url, "credentials": {"secret": "searcher", "usernameKey": "user"}}
    for values in (
        {"opensearch": {"baseUrl": f"{url}/", "credentials": login}},
        {"bitbucket": {"elasticSearch": {"baseUrl": url, "credentials": login}}},
    ):
        made = imported("bitbucket", values)
        assert section(made, "bitbucket")["companions"] == {"opensearch": {"external": expected}}
        assert {each.fate for each in made.accounts if "redentials" in each.path} == {Fate.TAKEN}


def claim(name: str, volume: str, storage_class: str = "gp3") -> dict[str, Any]:
    """A claim as the API shows it."""
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "tools", "labels": {"app.kubernetes.io/name": "jira"}},
        "spec": {"volumeName": volume, "storageClassName": storage_class},
    }


def test_volumes_that_are_there_are_taken_over_in_the_order_of_the_nodes() -> None:
    claims = {
        "items": [
            claim("local-home-jira-10", "pv-c"),
            claim("local-home-jira-2", "pv-b"),
            claim("local-home-jira-0", "pv-a"),
            claim("jira-shared-home", "pv-s", "nfs"),
        ]
    }
    create = {"persistentVolumeClaim": {"create": True}}
    made = imported(
        "jira", {"replicaCount": 3, "volumes": {"localHome": create, "sharedHome": create}}, claims=claims
    )
    assert section(made, "jira")["storage"] == {
        "localHome": {"volumes": ["pv-a", "pv-b", "pv-c"], "storageClass": "gp3"},
        "sharedHome": {"volume": {"kind": "existing", "volume": "pv-s", "storageClass": "nfs"}},
    }


@pytest.mark.parametrize(
    ("custom", "volume"),
    [
        (
            {"nfs": {"server": "10.0.0.9", "path": "/jira"}},
            {"kind": "nfs", "server": "10.0.0.9", "path": "/jira"},
        ),
        ({"persistentVolumeClaim": {"claimName": "home"}}, {"kind": "existing", "claim": "home"}),
    ],
)
def test_a_shared_home_of_somebodys_own_is_found(custom: dict[str, Any], volume: dict[str, Any]) -> None:
    made = imported("jira", {"volumes": {"sharedHome": {"customVolume": custom}}})
    assert section(made, "jira")["storage"]["sharedHome"]["volume"] == volume


BUCKET = {"bucketName": "acme-files", "bucketRegion": "eu-central-1"}
ROLE = "arn:aws:iam::123456789012:role/files"


@pytest.mark.parametrize(
    ("product", "below", "role"),
    [
        ("jira", {"jira": {"s3Storage": {"attachments": BUCKET}}}, {"eksIrsa": {"roleArn": ROLE}}),
        (
            "confluence",
            {"confluence": {"s3AttachmentsStorage": BUCKET}},
            {"annotations": {"eks.amazonaws.com/role-arn": ROLE}},
        ),
    ],
)
def test_what_lies_in_s3_stays_there_with_the_role_that_reads_it(
    product: str, below: dict[str, Any], role: dict[str, Any]
) -> None:
    made = imported(product, {"image": {"tag": "11.3.1"}, "serviceAccount": role}, below)
    store = {"bucket": "acme-files", "region": "eu-central-1"}
    found = section(made, product)
    assert found["storage"]["s3"] == {"attachments": store, "role": ROLE}
    assert not {"env", "jvmArgs"} & set(found)
    assert {each.fate for each in made.accounts if "Storage" in each.path or "ole" in each.path} == {
        Fate.TAKEN
    }


def test_an_endpoint_of_somebodys_own_comes_along() -> None:
    store = BUCKET | {"endpointOverride": "https://s3.acme.example/"}
    made = imported("jira", {"image": {"tag": "11.3.1"}, "jira": {"s3Storage": {"avatars": store}}})
    assert section(made, "jira")["storage"]["s3"]["avatars"]["endpoint"] == "https://s3.acme.example"


@pytest.mark.parametrize(
    ("tag", "store", "expected"),
    [
        ("9.12.20", BUCKET, Fate.LOST),
        ("11.3.1", BUCKET | {"bucketName": "Acme Files"}, Fate.LOST),
        # The chart goes by a bucket only where its region is named.
        ("11.3.1", {"bucketName": "acme-files"}, Fate.OPEN),
    ],
)
def test_what_no_section_can_say_of_s3_is_told(tag: str, store: dict[str, Any], expected: Fate) -> None:
    made = imported("jira", {"image": {"tag": tag}, "jira": {"s3Storage": {"attachments": store}}})
    assert "s3" not in section(made, "jira").get("storage", {})
    assert fate(made, "jira.s3Storage.attachments.bucketName") is expected


def test_a_role_without_anything_in_s3_is_told_as_lost() -> None:
    made = imported("jira", {"serviceAccount": {"eksIrsa": {"roleArn": ROLE}}})
    assert fate(made, "serviceAccount.eksIrsa.roleArn") is Fate.LOST


SECRET = "hunter2"


def test_no_secret_in_plain_text_is_carried_over_or_told() -> None:
    made = imported(
        "jira",
        {
            "additionalContainers": [{"name": "ship", "image": "a/b:1", "args": [f"--token={SECRET}"]}],
            "jira": {
                "additionalEnvironmentVariables": [
                    {"name": "MAIL_PASSWORD", "value": SECRET},
                    {"name": "PROXY", "value": f"http://me:{SECRET}@proxy.acme.example"},
                    {"name": "PLAIN", "value": 1},
                ],
                "additionalJvmArgs": [f"-Dsome.secret={SECRET}", "-Dplain=1"],
            },
        },
    )
    assert SECRET not in made.text
    assert SECRET not in str(made.accounts)
    assert section(made, "jira")["env"] == {"PLAIN": "1"}
    assert section(made, "jira")["jvmArgs"] == ["-Dplain=1"]
    lost = {each.path for each in made.accounts if each.fate is Fate.LOST}
    assert "jira.additionalEnvironmentVariables[MAIL_PASSWORD]" in lost


@pytest.mark.parametrize("kind", ["mysql8", "mssql", "oracle10g"])
def test_another_database_is_not_taken_for_ours(kind: str) -> None:
    made = imported(
        "jira", {"database": {"type": kind, "url": "jdbc:x://y/z", "credentials": {"secretName": "s"}}}
    )
    assert "database" not in section(made, "jira")
    assert fate(made, "database.url") is Fate.LOST


def test_what_is_off_says_nothing() -> None:
    made = imported(
        "jira", {"fluentd": {"enabled": False, "httpPort": 9880}, "monitoring": {"exposeJmxMetrics": False}}
    )
    assert fate(made, "fluentd.httpPort") is Fate.OPEN
    made = imported("jira", {"fluentd": {"enabled": True, "httpPort": 9880}})
    assert fate(made, "fluentd.httpPort") is Fate.LOST


def test_an_ordinary_instance_loses_nothing_and_a_mirror_stays_with_the_chart() -> None:
    made = imported("bitbucket", {"bitbucket": {"applicationMode": "default"}})
    assert fate(made, "bitbucket.applicationMode") is Fate.OPEN
    made = imported("bitbucket", {"bitbucket": {"applicationMode": "mirror"}})
    assert fate(made, "bitbucket.applicationMode") is Fate.LOST


def test_a_stack_has_one_of_what_all_products_share() -> None:
    first = Values({"image": {"tag": "11.3.1"}, "nodeSelector": {"pool": "a"}})
    second = Values({"image": {"tag": "10.2.7"}, "nodeSelector": {"pool": "b"}})
    known = registry()
    made = assemble([(known["jira"], first), (known["confluence"], second)], WISHES)
    assert made.document["spec"]["placement"] == {"nodeSelector": {"pool": "a"}}
    fates = {each.product: each.fate for each in made.accounts if each.path.startswith("nodeSelector")}
    assert fates == {"jira": Fate.TAKEN, "confluence": Fate.LOST}


@pytest.mark.parametrize(
    ("document", "wishes", "words"),
    [
        ({}, Wishes("acme", domain="acme.example", shared_class="x"), "which version"),
        ({"image": {"tag": "11.3.1"}}, Wishes("acme", shared_class="x"), "which domain"),
        ({"image": {"tag": "11.3.1"}}, Wishes("acme", domain="acme.example"), "shared home"),
    ],
)
def test_what_only_a_person_can_say_is_asked_for(
    document: dict[str, Any], wishes: Wishes, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        assemble([(registry()["jira"], Values(document))], wishes)
    assert caught.value.remedy
