"""What the reader says: all problems at once, in order, with words that help."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from telamon.errors import StackFileError
from telamon.products.registry import registry
from telamon.products.support import END_OF_DATA_CENTER, lasting_longest
from telamon.stackfile.reader import Reading, read

HEAD = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
"""


def reading_of(spec: str, *, today: date | None = None) -> Reading:
    return read(HEAD + spec, source="stack.yaml", registry=registry(), today=today)


def said(spec: str) -> list[str]:
    return [
        f"{found.line}:{found.path}: {found.message} {found.remedy}" for found in reading_of(spec).problems
    ]


def test_every_problem_is_reported_at_once_in_the_order_of_the_file() -> None:
    found = said(
        """\
  products:
    jira: {version: 11.3, nodes: "2", resources: {memory: 2GB, heap: 4Gi}}
    conflunce: {version: 10.2.7, env: {A: no}}
    bitbucket: {verson: 9.4.16, resources: {memory: 1Gi, heap: 2Gi}}
  edge: {port: 7999, ssh: {port: 7999}}
"""
    )
    assert [line.split(": ")[0] for line in found] == [
        "7:spec.products.jira.version",
        "7:spec.products.jira.nodes",
        "7:spec.products.jira.resources.memory",
        "8:spec.products.conflunce",
        "8:spec.products.conflunce.env.A",
        "9:spec.products.bitbucket",
        "9:spec.products.bitbucket.verson",
        "9:spec.products.bitbucket.resources.heap",
        "10:spec.edge.ssh.port",
    ]


OPENSEARCH = "  products: {{bitbucket: {{version: 9.4.16, companions: {{opensearch: {{{}}}}}}}}}\n"
SYNCHRONY = "  products: {{confluence: {{version: 10.2.7, companions: {{synchrony: {{{}}}}}}}}}\n"


STORE = "{bucket: acme-files, region: eu-central-1}"
IN_S3 = "  products: {{{}: {{version: {}, storage: {{s3: {}}}}}}}\n  platform: {{kind: kubernetes}}\n"


@pytest.mark.parametrize(
    ("product", "version", "stored", "words"),
    [
        ("jira", "10.0.2", f"{{attachments: {STORE}}}", "releases from 10.1 on do"),
        ("confluence", "10.2.7", f"{{avatars: {STORE}}}", "It can keep attachments there."),
        ("bitbucket", "9.4.16", f"{{attachments: {STORE}}}", "bitbucket keeps no attachments in S3"),
        ("jira", "11.3.1", "{}", "Write attachments or avatars or backups: with bucket and region."),
        ("jira", "11.3.1", "{attachments: {bucket: acme-files}}", '"region" is missing'),
        (
            "jira",
            "11.3.1",
            f"{{attachments: {STORE}, credentials: {{secret: a}}, role: 'arn:aws:iam::123456789012:role/a'}}",
            "Remove credentials, or role.",
        ),
        (
            "jira",
            "11.3.1",
            f"{{attachments: {STORE}}}}}, env: {{ATL_S3ATTACHMENTS_BUCKET_NAME: other",
            "where attachments are stands in env, properties or jvmArgs as well",
        ),
    ],
)
def test_files_go_to_s3_only_where_the_product_can_keep_them_there(
    product: str, version: str, stored: str, words: str
) -> None:
    found = said(IN_S3.format(product, version, stored))
    assert any(words in line for line in found), found


def test_the_lab_has_no_bucket() -> None:
    found = said(f"  products: {{jira: {{version: 11.3.1, storage: {{s3: {{attachments: {STORE}}}}}}}}}\n")
    assert len(found) == 1
    assert "the lab takes over nothing that exists already" in found[0]


@pytest.mark.parametrize(
    ("kind", "backup", "warned"),
    [
        ("attachments", "  backup: {destination: {kind: claim, claim: kept}}\n", True),
        ("attachments", "", False),
        # What the product exports by itself is a backup already.
        ("backups", "  backup: {destination: {kind: claim, claim: kept}}\n", False),
    ],
)
def test_what_no_backup_holds_is_worth_a_word(kind: str, backup: str, warned: bool) -> None:
    whole = (
        f"  products: {{jira: {{version: 11.3.1, storage: {{s3: {{{kind}: {STORE}}}}}}}}}\n"
        "  platform: {kind: kubernetes}\n  storage: {shared: {kind: csi, storageClass: x}}\n"
        "  edge: {tls: {kind: disabled}}\n" + backup
    )
    found = [each.message for each in reading_of(whole).warnings if each.rule == "objects-are-in-no-backup"]
    assert bool(found) is warned
    assert all("hold no attachments" in each for each in found)


@pytest.mark.parametrize(
    ("backup", "words"),
    [
        ("{destination: {kind: s3, bucket: kept}}", "and rolling upgrades are refused"),
        ("{destination: {kind: s3, bucket: kept}, beforeUpgrade: skip}", "put into a bucket yet"),
        ("{destination: {kind: claim, claim: kept}}", None),
    ],
)
def test_backups_that_nobody_takes_are_worth_a_word(backup: str, words: str | None) -> None:
    whole = (
        "  products: {jira: {version: 11.3.1}}\n  platform: {kind: kubernetes}\n  edge: {tls: {kind: disabled}}\n"
        f"  storage: {{shared: {{kind: csi, storageClass: x}}}}\n  backup: {backup}\n"
    )
    found = [each.message for each in reading_of(whole).warnings if each.rule == "bucket-is-not-written-to"]
    assert bool(found) == (words is not None)
    if words is not None:
        assert words in found[0]
        assert ("refused" in found[0]) == ("refused" in words)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("  products: {jira: {version: 11.30}}\n", 'Write it in quotes: "11.30".'),
        ('  products: {jira: {version: "11.3"}}\n', "three numbers"),
        ("  products: {jira: {}}\n", '"version" is missing'),
        ("  products: {jria: {version: 1.2.3}}\n", 'Did you mean "jira"?'),
        ("  products: {jira: {version: 11.3.1, nodes: 9}}\n", "no more than 8 nodes"),
        ("  products: {jira: {version: 11.3.1, nodes: 21}}\n", "outside the bounds 1 to 20"),
        ("  products: {jira: {version: 11.3.1, resources: {memory: 2GB}}}\n", 'Did you mean "2Gi"?'),
        ("  products: {jira: {version: 11.3.1, edition: cloud}}\n", "software, service-management"),
        ("  products: {jira: {version: 11.3.1, env: {JIRA_NODE_ID: a}}}\n", "differs from node to node"),
        ("  products: {jira: {version: 11.3.1, companions: {opensearch: {}}}}\n", "It has none."),
        (
            "  products: {confluence: {version: 10.2.7, companions: {syncrony: {}}}}\n",
            'Did you mean "synchrony"?',
        ),
        (
            OPENSEARCH.format("nodes: 3, external: {url: https://a.example}"),
            "Remove nodes, or external.",
        ),
        (
            OPENSEARCH.format("external: {url: https://a.example}"),
            "the lab takes over nothing that exists already",
        ),
        (
            SYNCHRONY.format("external: {url: https://a.example}"),
            "cannot use a companion synchrony that others keep up",
        ),
        ("  products: {jira: {version: 11.3.1, jvmArgs: [-Xmx2g]}}\n", "resources.heap"),
        ("  products: {jira: {version: 11.3.1}}\n  database: {kind: rds}\n", "--lab"),
        ("  products: {jira: {version: 11.3.1}}\n  environment: prod\n", 'Did you mean "production"?'),
        ("  products: {jira: {version: 11.3.1}}\n  environment: on\n", "Write true, or write"),
        ("  products: {jira: {version: 11.3.1}}\n  platform: {kind: k8s}\n", "lab, kubernetes, aws"),
        (
            "  products: {jira: {version: 11.3.1}}\n  platform: {kind: aws, region: eu-central-1}\n",
            "Account, quoted",
        ),
        ("  products: {database: {version: 1.2.3}}\n", "belongs to a part of every stack"),
        ("  products: {jira: {version: 11.3.1, profile: {}}}\n", "Telamon knows jira already"),
        ("  products:\n", "nothing is written after products"),
        (
            "  products: {jira: {version: 11.3.1, baseUrl: https://jira.acme.example/}}\n",
            "without a slash at its end",
        ),
        ("  products: {jira: {version: 11.3.1, baseUrl: https://jira.acme.example/a}}\n", "the context path"),
        (
            "  products: {jira: {version: 11.3.1, baseUrl: http://jira.acme.example}}\n  edge: {tls: {kind: lab}}\n",
            "Write https.",
        ),
        (
            "  products:\n    jira: &one {version: 11.3.1, baseUrl: https://a.acme.example}\n    confluence: *one\n",
            "the address of jira already",
        ),
    ],
)
def test_a_problem_says_what_to_do(spec: str, words: str) -> None:
    found = said(spec)
    assert any(words in line for line in found), found


SHARED = "\n  storage: {shared: {kind: csi, storageClass: x}}"


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ("platform: {kind: kubernetes}", ["certificates come from", "shared home of bitbucket"]),
        (
            "platform: {kind: kubernetes}\n  edge: {tls: {kind: disabled}, driver: alb}\n  backup: {every: 1h}"
            + SHARED,
            ["kubernetes has no alb", "where backups go"],
        ),
        (
            'platform: {kind: aws, region: eu-central-1, account: "123456789012"}',
            ["EFS that aws has by default"],
        ),
        (
            'platform: {kind: aws, region: eu-central-1, account: "123456789012"}\n  storage: {shared: {kind: efs}}',
            ["EFS of storage.shared"],
        ),
        ("platform: {kind: lab}\n  edge: {cdn: {kind: cloudfront}}", ["the lab has no cloudfront"]),
        (
            'platform: {kind: aws, region: eu-central-1, account: "123456789012", kubernetes: "1.34", '
            'machinesKubernetes: "1.30"}' + SHARED,
            ["machines of 1.30 do not go with a control plane of 1.34"],
        ),
        (
            'platform: {kind: aws, region: eu-central-1, account: "123456789012", kubernetes: "1.34", '
            'machinesKubernetes: "1.35"}' + SHARED,
            ["machines of 1.35 do not go"],
        ),
        (
            'platform: {kind: aws, region: eu-central-1, account: "123456789012", kubernetes: "1.34", nodeGroups: '
            '{products: {purpose: system}, next: {kubernetes: "1.35", count: 1}}}' + SHARED,
            [
                "machines of 1.35 do not go",
                "a group that is called products is for system",
                "2 nodes of bitbucket must be apart, and there are 1 machines for products",
            ],
        ),
    ],
)
def test_each_platform_has_its_own_parts(platform: str, words: list[str]) -> None:
    found = said(f"  products: {{bitbucket: {{version: 9.4.16}}}}\n  {platform}\n")
    assert len(found) == len(words), found
    assert all(any(part in line for line in found) for part in words), found


def test_problems_become_one_error_that_carries_them_all() -> None:
    with pytest.raises(StackFileError) as caught:
        reading_of("  products: {jira: {version: 11, nodes: 0}}\n").require()
    assert len(caught.value.problems) == 2
    assert caught.value.exit_code == 3
    assert "2 problems in stack.yaml" in str(caught.value)


def test_merge_keys_and_aliases_are_followed() -> None:
    stack = reading_of(
        """\
  products:
    jira: &base {version: 11.3.1, nodes: 3, resources: &size {memory: 4Gi}}
    confluence: {<<: *base, version: 10.2.7, resources: *size}
"""
    ).require()
    assert [(product.version, product.nodes) for product in stack.spec.products.values()] == [
        ("11.3.1", 3),
        ("10.2.7", 3),
    ]


WARNED = "  products: {jira: {version: 10.3.12, nodes: 1}}\n  paging: {kind: opsgenie, key: {secret: s}}\n"


def test_warnings_do_not_refuse() -> None:
    reading = reading_of(WARNED, today=date(2026, 11, 22))
    assert reading.stack is not None
    assert [(found.line, found.rule) for found in reading.warnings] == [
        (6, "support-ends-soon"),
        (6, "one-node-is-not-available"),
        (7, "pager-ends-soon"),
    ]
    assert "ends on 2026-12-05" in reading.warnings[0].message


@pytest.mark.parametrize(
    ("today", "words"),
    [(date(2026, 6, 1), None), (date(2026, 6, 9), "ends on"), (date(2027, 1, 1), "ended on")],
)
def test_support_is_judged_half_a_year_ahead(today: date, words: str | None) -> None:
    found = [
        warning.message
        for warning in reading_of(WARNED, today=today).warnings
        if warning.rule == "support-ends-soon"
    ]
    assert [words in message for message in found if words] == ([True] if words else [])
    assert bool(found) == (words is not None)


@pytest.mark.parametrize(
    ("product", "version", "warned"),
    [
        ("jira", "11.3.1", False),
        ("jira", "11.2.0", True),
        ("jira", "12.0.1", True),
        ("confluence", "9.4.1", True),
        ("bitbucket", "9.4.16", False),
    ],
)
def test_a_series_of_which_nothing_is_known_is_worth_a_word(product: str, version: str, warned: bool) -> None:
    text = f"  products: {{{product}: {{version: {version}}}}}\n"
    found = [
        warning
        for warning in reading_of(text, today=date(2026, 9, 8)).warnings
        if warning.rule == "series-is-not-long-term"
    ]
    assert bool(found) == warned
    for warning in found:
        assert (warning.path, version in warning.message) == (f"spec.products.{product}.version", True)
        longest = lasting_longest(product)
        assert longest is not None
        assert longest.series in warning.remedy


def test_a_product_of_your_own_has_no_vendor() -> None:
    profile = "{command: [shop], ports: {http: 8080}, status: {path: /status, reader: {kind: code}}}"
    text = f"  products: {{shop: {{version: 0.1.0, profile: {profile}}}}}\n"
    reading = reading_of(text, today=END_OF_DATA_CENTER)
    assert reading.stack is not None
    assert reading.warnings == ()


@pytest.mark.parametrize(("days", "warned"), [(366, False), (365, True), (-1, True)])
def test_the_end_of_the_products_is_told_a_year_ahead(days: int, warned: bool) -> None:
    reading = reading_of(
        "  products: {jira: {version: 11.3.1}, bitbucket: {version: 9.4.16}}\n",
        today=END_OF_DATA_CENTER - timedelta(days=days),
    )
    found = [warning.path for warning in reading.warnings if warning.rule == "data-center-ends-soon"]
    assert found == (["spec.products.jira"] if warned else [])


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.29", "offers Kubernetes 1.29 no longer, since 2026-03-23"),
        ("1.33", "ended on 2026-07-29"),
        ("1.34", "ends on 2026-12-02"),
        ("1.35", None),
        ("1.36", None),
        ("1.99", None),
    ],
)
def test_a_version_of_kubernetes_that_leaves_support_is_worth_a_word(version: str, words: str | None) -> None:
    platform = f'kind: aws, region: eu-central-1, account: "123456789012", kubernetes: "{version}"'
    text = (
        f"  products: {{jira: {{version: 11.3.1}}}}\n  platform: {{{platform}}}\n  database: {{kind: rds}}\n"
    )
    found = [
        (warning.path, warning.message, warning.remedy)
        for warning in reading_of(text, today=date(2026, 11, 22)).warnings
        if warning.rule == "kubernetes-support-ends-soon"
    ]
    assert bool(found) == (words is not None)
    for path, message, remedy in found:
        assert (path, str(words) in message, "to 1.35" in remedy) == ("spec.platform.kubernetes", True, True)


def test_without_a_date_no_date_is_judged() -> None:
    assert {found.rule for found in reading_of(WARNED).warnings} == {"one-node-is-not-available"}


def test_a_status_in_a_file_is_not_read() -> None:
    reading = reading_of("  products: {jira: {version: 11.3.1}}\nstatus: {observedGeneration: 3}\n")
    assert [found.rule for found in reading.warnings] == ["status-is-not-read"]


def test_what_a_file_says_cannot_make_the_terminal_do_things() -> None:
    found = said('  products: {"jira\\e[2J\\n": {version: "\\e]0;x\\a"}}\n')
    assert found
    assert all(line.isprintable() for line in found)
