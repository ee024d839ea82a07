"""What is made around the pods: services, volumes, rights, bounds, traffic, the database."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telamon.desired.kubernetes.facts import Facts, as_text, facts_of, from_text
from telamon.desired.kubernetes.render import bundles, files, needs
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE, Site, site
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.errors import RefusedError, UsageError
from tests.support.manifests import (
    ALL,
    EXAMPLES,
    JIRA,
    ROOT,
    SMALL,
    digests,
    environment,
    example,
    objects,
    products,
    site_of,
    small,
    stack_of,
    the,
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_file_gives_the_same_bytes(name: str) -> None:
    first, second = (files(bundles(example(name)), stack="acme") for _ in range(2))
    assert list(first.items()) == list(second.items())


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_two_objects_have_one_name(name: str) -> None:
    names = [
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        for item in objects(example(name))
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_manifest_holds_a_secret(name: str) -> None:
    assert objects(example(name), "Secret") == []


def test_a_drained_node_stays_in_its_cluster() -> None:
    known = small()
    traffic, peers = the(known, "Service", "jira")["spec"], the(known, "Service", "jira-peers")["spec"]
    assert traffic["selector"]["telamon.dev/serving"] == "true"
    assert "telamon.dev/serving" not in peers["selector"]
    assert peers["publishNotReadyAddresses"] is True
    assert peers["clusterIP"] == "None"


def test_nothing_restarts_a_node_but_a_decision() -> None:
    for item in objects(small(running=ALL), "StatefulSet"):
        assert item["spec"]["updateStrategy"] == {"type": "OnDelete"}
        retention = item["spec"]["persistentVolumeClaimRetentionPolicy"]
        assert retention == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_a_broken_node_never_blocks_a_drain() -> None:
    for item in objects(small(running=ALL), "PodDisruptionBudget"):
        assert item["spec"]["maxUnavailable"] == 1
        assert item["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_home_is_never_smaller_than_the_product_needs() -> None:
    def size(asked: str) -> str:
        home = f"storage: {{localHome: {{size: {asked}}}}}"
        known = small(running=f"    jira: {{version: 11.3.1, {home}}}")
        claim = the(known, "StatefulSet", "jira")["spec"]["volumeClaimTemplates"][0]
        return str(claim["spec"]["resources"]["requests"]["storage"])

    assert size("2Gi") == "10Gi"
    assert size("50Gi") == "50Gi"


def test_products_share_no_directory_of_a_common_server() -> None:
    volumes = objects(example("overlay-kubernetes"), "PersistentVolume")
    paths = [volume["spec"]["nfs"]["path"] for volume in volumes]
    assert paths == ["/exports/acme/jira", "/exports/acme/confluence", "/exports/acme/bitbucket"]
    assert {volume["spec"]["persistentVolumeReclaimPolicy"] for volume in volumes} == {"Retain"}


def test_a_directory_on_efs_belongs_to_the_product() -> None:
    parameters = the(example("custom-kubernetes"), "StorageClass", "records-ledger-shared-home")["parameters"]
    assert (parameters["uid"], parameters["gid"], parameters["directoryPerms"]) == ("10001", "10001", "700")


def test_the_operator_reads_secrets_by_name_and_hands_on_nothing() -> None:
    for role in objects(example("full"), "Role"):
        for rule in role["rules"]:
            assert not {"*", "escalate", "bind", "impersonate"} & set(rule["verbs"])
            assert "*" not in rule["resources"]
            assert "*" not in rule["apiGroups"]
            if "secrets" in rule["resources"]:
                assert rule["resourceNames"]
                if role["metadata"]["name"] != "telamon-operator":
                    continue
                # Only what it makes itself is its own to write.
                made = ("-token", "-renewed", "-evidence")
                own = all(name.endswith(made) for name in rule["resourceNames"])
                assert rule["verbs"] == (["get", "create", "patch"] if own else ["get"])
    assert objects(example("full"), "ClusterRole") == []


def test_people_read_no_secret_but_evidence_and_that_as_administrators_of_the_product() -> None:
    found = {
        (role["metadata"]["name"], role["metadata"]["namespace"]): (rule["verbs"], rule["resourceNames"])
        for role in objects(example("full"), "Role")
        for rule in role["rules"]
        if "secrets" in rule["resources"] and role["metadata"]["name"] != "telamon-operator"
    }
    assert found
    for (role, namespace), rights in found.items():
        assert role == "telamon-administrators"
        assert rights == (["get"], [f"{namespace}-evidence"])


def test_a_products_administrators_have_rights_in_its_namespace_and_where_stacks_are() -> None:
    bindings = objects(example("full"), "RoleBinding")
    where = {
        item["metadata"]["namespace"]
        for item in bindings
        if any(subject["name"] == "jira-admins" for subject in item["subjects"])
    }
    assert where == {"acme-jira", OPERATOR_NAMESPACE}


def test_a_namespace_has_room_for_one_node_more() -> None:
    known = small(running="    jira: {version: 11.3.1, nodes: 3, resources: {memory: 8Gi}}")
    hard = {item["metadata"]["namespace"]: item["spec"]["hard"] for item in objects(known, "ResourceQuota")}
    assert hard["acme-jira"]["requests.memory"] == "33Gi"


def bounded(known: Site, kind: str) -> Any:
    """What may be used where the database is."""
    (found,) = [item for item in objects(known, kind) if item["metadata"]["namespace"] == "acme-database"]
    return found["spec"]


def test_where_the_database_is_there_is_room_for_its_servers_and_one_that_takes_the_place_of_another() -> (
    None
):
    servers = "  database: {kind: cloudnative-pg, instances: 3, resources: {memory: 8Gi, cpu: 2}}"
    hard = bounded(small(servers), "ResourceQuota")["hard"]
    assert (hard["requests.memory"], hard["requests.cpu"]) == ("41Gi", "11")
    # What a server is told nothing of is not bounded behind its back: it would be refused, or lose its place.
    (usual,) = bounded(small(servers), "LimitRange")["limits"]
    assert set(usual["default"]) == {"memory"}
    elsewhere = "  database: {kind: external, host: db.acme.example, admin: {secret: admin}}"
    hard = bounded(small(elsewhere), "ResourceQuota")["hard"]
    assert (hard["requests.memory"], hard["persistentvolumeclaims"]) == ("1Gi", "0")


def test_servers_of_the_database_run_where_the_file_lets_pods_run_and_pull_as_they_do() -> None:
    more = """\
  images: {pullSecret: registry}
  placement:
    priorityClass: precious
    nodeSelector: {disk: fast}
    tolerations: [{name: reserved, key: reserved, value: acme, effect: NoSchedule}]
"""
    known = small(more)
    servers = the(known, "Cluster", "database")["spec"]
    pod = the(known, "StatefulSet", "jira")["spec"]["template"]["spec"]
    assert servers["imagePullSecrets"] == pod["imagePullSecrets"] == [{"name": "registry"}]
    assert servers["priorityClassName"] == pod["priorityClassName"] == "precious"
    assert servers["affinity"]["nodeSelector"] == pod["nodeSelector"] == {"disk": "fast"}
    assert servers["affinity"]["tolerations"] == pod["tolerations"]
    assert servers["affinity"]["podAntiAffinityType"] == "required"


def test_calico_denies_once_more_where_the_file_says_that_it_is_there() -> None:
    assert objects(small(), "GlobalNetworkPolicy") == []
    text = SMALL.replace("kind: kubernetes", "kind: kubernetes, networkPolicies: calico")
    known = site_of(stack_of(text.replace("PRODUCTS", JIRA).replace("MORE", "")))
    (found,) = objects(known, "GlobalNetworkPolicy")
    assert found["spec"]["namespaceSelector"] == "telamon.dev/stack == 'acme'"
    assert found["spec"]["types"] == ["Ingress", "Egress"]


def test_users_stay_where_they_are_and_reads_are_sent_again() -> None:
    known = small()
    route = the(known, "HTTPRoute", "jira")["spec"]
    assert {rule["sessionPersistence"]["sessionName"] for rule in route["rules"]} == {"telamon-jira"}
    policies = {item["metadata"]["name"]: item["spec"] for item in objects(known, "BackendTrafficPolicy")}
    assert "reset" in policies["jira-safe"]["retry"]["retryOn"]["triggers"]
    assert policies["jira"]["retry"]["retryOn"]["triggers"] == ["connect-failure", "refused-stream"]
    methods = {
        match.get("method")
        for rule in route["rules"]
        if rule["name"] == "safe-0"
        for match in rule["matches"]
    }
    assert methods == {"GET", "HEAD", "OPTIONS"}
    active = policies["jira"]["healthCheck"]["active"]["http"]
    assert active["expectedResponse"] == {"type": "Text", "text": "RUNNING"}
    assert all(policy["loadBalancer"]["type"] != "ConsistentHash" for policy in policies.values())


def test_git_over_ssh_has_an_address_of_its_own() -> None:
    known = small(running=ALL)
    gateways = {item["metadata"]["name"]: item["spec"] for item in objects(known, "Gateway")}
    assert [listener["protocol"] for listener in gateways["tcp"]["listeners"]] == ["TCP"]
    assert the(known, "TCPRoute", "bitbucket-ssh")["spec"]["parentRefs"][0]["name"] == "tcp"
    assert environment(known, "bitbucket")["PLUGIN_SSH_BASEURL"] == "ssh://git.acme.example:7999"
    assert [item["metadata"]["name"] for item in objects(small(), "Gateway")] == ["web"]


def test_a_companion_answers_below_its_own_path() -> None:
    known = small(running=ALL)
    rules = the(known, "HTTPRoute", "confluence-synchrony")["spec"]["rules"]
    assert {match["path"]["value"] for rule in rules for match in rule["matches"]} == {"/synchrony"}


def test_nginx_keeps_users_and_passes_large_uploads() -> None:
    annotations = the(example("nginx"), "Ingress", "jira")["metadata"]["annotations"]
    prefix = "nginx.ingress.kubernetes.io"
    assert annotations[f"{prefix}/affinity-mode"] == "persistent"
    assert annotations[f"{prefix}/proxy-body-size"] == "0"
    assert int(annotations[f"{prefix}/proxy-read-timeout"]) >= 3600
    path = the(example("nginx"), "Ingress", "jira")["spec"]["rules"][0]["http"]["paths"][0]["path"]
    assert path == "/jira"


def test_the_balancer_of_aws_is_told_what_a_fit_node_answers() -> None:
    text = (
        SMALL.replace("PRODUCTS", ALL)
        .replace("{kind: kubernetes}", "{kind: aws, region: eu-central-1, account: '123456789012'}")
        .replace("tls: {kind: cert-manager, issuer: issuer}", "driver: alb, tls: {kind: acm}")
        .replace("MORE", "")
    )
    stack = stack_of(text)
    known = site(stack, products(stack), facts=Facts(database_host="db"), digests=digests(stack))
    annotations = the(known, "Ingress", "jira")["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/healthcheck-path"] == "/status"
    assert "stickiness.enabled=true" in annotations["alb.ingress.kubernetes.io/target-group-attributes"]
    ssh = the(known, "Service", "bitbucket-ssh")["spec"]
    assert (ssh["type"], ssh["externalTrafficPolicy"]) == ("LoadBalancer", "Local")


def test_a_database_is_made_for_each_product_and_app_by_a_job_that_changes_its_name_with_its_work() -> None:
    jobs = objects(example("nginx"), "Job")
    assert [job["metadata"]["name"].rpartition("-")[0] for job in jobs] == [
        "jira-database",
        "jira-eazybi-database",
        "confluence-database",
    ]
    words = json.dumps(jobs)
    assert "TELAMON_PASSWORD" in words
    assert '"value": "verify-full"' in words
    told = environment(example("nginx"), "jira")["ATL_JDBC_URL"]
    assert told.endswith("?sslmode=verify-full&amp;sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory")


def test_cloudnative_pg_keeps_what_it_is_told_to_drop() -> None:
    known = small(running=ALL)
    made = {item["spec"]["name"]: item["spec"] for item in objects(known, "Database")}
    assert set(made) == {"jira", "confluence", "bitbucket"}
    assert {spec["databaseReclaimPolicy"] for spec in made.values()} == {"retain"}
    roles = the(known, "Cluster", "database")["spec"]["managed"]["roles"]
    assert [role["name"] for role in roles] == ["jira", "confluence", "bitbucket"]


def test_every_secret_that_is_read_is_listed() -> None:
    known = small(running=ALL)
    listed = {(each.namespace, each.name): set(each.keys) for each in wanted_secrets(known, bundles(known))}
    assert listed["acme-jira", "acme-jira-database"] == {"password"}
    assert listed["acme-database", "acme-jira-database"] == {"username", "password"}
    assert listed["acme-jira", "acme-jira-admin"] == {"username", "password", "email", "name"}
    assert ("acme-bitbucket", "acme-bitbucket-opensearch-tls") not in listed, "cert-manager makes it"


def test_the_certificate_of_an_ingress_is_wanted_where_nobody_makes_it() -> None:
    def listed(tls: str) -> set[tuple[str, str]]:
        text = SMALL.replace("PRODUCTS", JIRA).replace("MORE", "")
        stack = stack_of(
            text.replace("{tls: {kind: cert-manager, issuer: issuer}}", f"{{driver: nginx, tls: {tls}}}")
        )
        known = site(stack, products(stack), facts=Facts(), digests=digests(stack))
        return {(each.namespace, each.name) for each in wanted_secrets(known, bundles(known))}

    assert ("acme-jira", "mine") in listed("{kind: secret, secret: mine}")
    assert ("acme-jira", "jira-tls") not in listed("{kind: cert-manager, issuer: issuer}")


def test_what_the_cluster_has_to_know_is_listed() -> None:
    assert needs(bundles(small())) == (
        "cert-manager.io/v1",
        "gateway.envoyproxy.io/v1alpha1",
        "gateway.networking.k8s.io/v1",
        "postgresql.cnpg.io/v1",
    )


def test_an_image_without_a_digest_is_refused_outside_of_dev() -> None:
    text = SMALL.replace("PRODUCTS", JIRA).replace("MORE", "")
    stack = stack_of(text)
    with pytest.raises(RefusedError, match=r"docker\.io/atlassian/jira-software:11\.3\.1"):
        site(stack, products(stack), facts=Facts(), digests={})
    careless = stack_of(text.replace("production", "dev"))
    assert site(careless, products(careless), facts=Facts(), digests={}).parts


def test_a_lab_takes_no_manifests() -> None:
    text = SMALL.replace("PRODUCTS", JIRA).replace("{kind: kubernetes}", "{kind: lab}").replace("MORE", "")
    text = text.replace("  storage: {shared: {kind: csi, storageClass: shared}}\n", "").replace(
        "{tls: {kind: cert-manager, issuer: issuer}}", "{}"
    )
    stack = stack_of(text)
    with pytest.raises(RefusedError, match="takes no manifests"):
        site(stack, products(stack), facts=Facts(), digests={})


def test_what_terraform_made_has_to_be_told() -> None:
    stack = stack_of((ROOT / "examples" / "aws.yaml").read_text(encoding="utf-8"))
    known = site(stack, products(stack), facts=Facts(), digests=digests(stack))
    with pytest.raises(UsageError, match="nobody has said where the database is"):
        bundles(known)


def test_facts_are_read_as_terraform_prints_them() -> None:
    document: dict[str, Any] = {
        "database_host": {"sensitive": False, "type": "string", "value": "db.internal"},
        "database_port": {"value": 5433},
        "shared_homes": {"value": {"jira": {"kind": "efs", "file_system": "fs-1", "access_point": "fsap-1"}}},
    }
    known = facts_of([document, {"web_target_group_arn": {"value": "arn:web"}}])
    assert (known.database_host, known.database_port) == ("db.internal", 5433)
    assert known.shared_homes["jira"]["access_point"] == "fsap-1"
    assert known.web_target_group == "arn:web"
    with pytest.raises(UsageError, match="shared_homes"):
        facts_of([{"shared_homes": {"value": ["jira"]}}])


PATCHED = """\
    jira:
      version: 11.3.1
      patches:
        - {name: mine, kind: KIND, operations: [{op: OP, path: PATH, value: x}]}
"""


def patched(kind: str, op: str, path: str) -> Any:
    text = PATCHED.replace("KIND", kind).replace("OP", op).replace("PATH", path).rstrip("\n")
    if op == "remove":
        text = text.replace(", value: x", "")
    return small(running=text)


def test_a_patch_is_applied_last_and_to_its_kind_alone() -> None:
    known = patched("StatefulSet", "add", "/spec/template/spec/dnsPolicy")
    assert the(known, "StatefulSet", "jira")["spec"]["template"]["spec"]["dnsPolicy"] == "x"
    ports = the(patched("Service", "remove", "/spec/ports/0"), "Service", "jira")["spec"]["ports"]
    assert ports == []


def revision(known: Any) -> str:
    """That of the pods of Jira, by which they are started anew."""
    template = the(known, "StatefulSet", "jira")["spec"]["template"]
    return str(template["metadata"]["annotations"]["telamon.dev/revision"])


def test_pods_get_what_a_patch_has_changed_in_them_and_no_other_patch_restarts_them() -> None:
    plain = revision(small(running="    jira: {version: 11.3.1}"))
    of_pods = revision(patched("StatefulSet", "add", "/spec/template/spec/dnsPolicy"))
    mounted = revision(patched("ConfigMap", "add", "/data/mine"))
    assert len({plain, of_pods, mounted}) == 3
    assert revision(patched("Service", "remove", "/spec/ports/0")) == plain
    assert revision(patched("StatefulSet", "add", "/metadata/mine")) == plain


@pytest.mark.parametrize(
    ("kind", "op", "path"),
    [
        ("Deployment", "add", "/spec/x"),
        ("StatefulSet", "replace", "/spec/nothing"),
        ("StatefulSet", "remove", "/spec/template/spec/containers/7"),
        ("StatefulSet", "add", "/spec/nothing/within"),
        ("StatefulSet", "add", "/spec/template/spec/containers/x"),
    ],
)
def test_a_patch_that_points_to_nothing_is_refused(kind: str, op: str, path: str) -> None:
    with pytest.raises(RefusedError, match="the patch mine"):
        bundles(patched(kind, op, path))


def test_facts_come_back_from_the_line_that_a_stack_carries() -> None:
    told = example("aws").facts
    assert from_text(as_text(told)) == told
    assert "\n" not in as_text(told)
    assert as_text(Facts()) == ""
    assert from_text("") == Facts()
    for wrong in ("no JSON", "[]", '{"shared_homes": 5}'):
        with pytest.raises(UsageError, match="not of the form"):
            from_text(wrong)
