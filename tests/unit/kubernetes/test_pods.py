"""What a pod is told and how it is contained."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.scripts import TRUST_AUTHORITIES
from telamon.desired.kubernetes.wanted import wanted_secrets
from tests.support.manifests import ALL, EXAMPLES, container, environment, example, objects, small, the


def pods(name: str) -> list[Any]:
    """The pods that an example's objects make."""
    known = example(name)
    return [
        item["spec"]["template"]["spec"] for kind in ("StatefulSet", "Job") for item in objects(known, kind)
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_container_fits_the_profile_restricted(name: str) -> None:
    for pod in pods(name):
        own = pod["securityContext"]
        assert own["runAsNonRoot"] is True
        assert own["runAsUser"] == own["runAsGroup"] == own["fsGroup"] != 0
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in [*pod["containers"], *pod.get("initContainers", [])]:
            context = each["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
        for volume in pod.get("volumes", []):
            assert not {"hostPath", "nfs"} & set(volume)


@pytest.mark.parametrize("name", EXAMPLES)
def test_memory_that_is_asked_for_is_all_that_may_be_used(name: str) -> None:
    for pod in pods(name):
        for each in [*pod["containers"], *pod.get("initContainers", [])]:
            resources = each["resources"]
            assert resources["requests"]["memory"] == resources["limits"]["memory"]
            assert "@sha256:" in each["image"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_mount_has_its_volume(name: str) -> None:
    for item in objects(example(name), "StatefulSet"):
        pod = item["spec"]["template"]["spec"]
        there = {volume["name"] for volume in pod["volumes"]}
        there |= {claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])}
        for each in [*pod["containers"], *pod.get("initContainers", [])]:
            used = [mount["name"] for mount in each.get("volumeMounts", [])]
            assert set(used) <= there
            places = [mount["mountPath"] for mount in each.get("volumeMounts", [])]
            assert len(places) == len(set(places))


def test_each_product_runs_as_the_user_of_its_image() -> None:
    known = small(running=ALL)
    users = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
        for item in objects(known, "StatefulSet")
    }
    assert users == {
        "jira": 2001,
        "confluence": 2002,
        "confluence-synchrony": 2002,
        "bitbucket": 2003,
        "bitbucket-opensearch": 1000,
    }
    for name in ("jira", "confluence", "bitbucket"):
        assert environment(known, name)["SET_PERMISSIONS"] == "false"


def test_what_differs_from_node_to_node_is_a_reference() -> None:
    told = environment(small(), "jira")
    assert told["JIRA_NODE_ID"] == "$(TELAMON_POD_NAME)"
    assert told["EHCACHE_LISTENER_HOSTNAME"] == "$(TELAMON_POD_ADDRESS)"
    assert told["TELAMON_POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    names = [each["name"] for each in container(small(), "jira")["env"]]
    assert names.index("TELAMON_POD_NAME") < names.index("JIRA_NODE_ID"), "references look back alone"


def test_a_text_that_looks_like_a_reference_stays_a_text() -> None:
    known = small(running="    jira: {version: 11.3.1, env: {ATL_TOMCAT_MGMT_PORT: '$(HOME)'}}")
    assert environment(known, "jira")["ATL_TOMCAT_MGMT_PORT"] == "$$(HOME)"


def test_nodes_find_one_another_by_the_cluster() -> None:
    known = small(running=ALL)
    confluence, bitbucket = environment(known, "confluence"), environment(known, "bitbucket")
    assert confluence["ATL_CLUSTER_TYPE"] == "kubernetes"
    assert confluence["HAZELCAST_KUBERNETES_SERVICE_NAME"] == "confluence-peers"
    assert confluence["KUBERNETES_NAMESPACE"] == "acme-confluence"
    assert "ATL_CLUSTER_PEERS" not in confluence
    assert bitbucket["HAZELCAST_NETWORK_KUBERNETES"] == "true"
    assert bitbucket["HAZELCAST_GROUP_NAME"] == "bitbucket"
    assert environment(known, "confluence-synchrony")["CLUSTER_JOIN_TYPE"] == "kubernetes"
    search = environment(known, "bitbucket-opensearch")
    assert search["discovery.seed_hosts"] == "bitbucket-opensearch-peers"
    assert search["cluster.initial_cluster_manager_nodes"].count(",") == 2


def test_only_nodes_that_ask_the_cluster_have_a_token() -> None:
    known = small(running=ALL)
    having = {
        item["metadata"]["name"]
        for item in objects(known, "StatefulSet")
        if any(volume["name"] == "token" for volume in item["spec"]["template"]["spec"]["volumes"])
    }
    assert having == {"confluence", "confluence-synchrony", "bitbucket"}
    for item in [*objects(known, "StatefulSet"), *objects(known, "ServiceAccount")]:
        spec = item["spec"]["template"]["spec"] if item["kind"] == "StatefulSet" else item
        assert spec["automountServiceAccountToken"] is False


def test_the_heap_follows_from_the_memory() -> None:
    known = small(running="    jira: {version: 11.3.1, resources: {memory: 6Gi}}")
    assert environment(known, "jira")["JVM_MAXIMUM_MEMORY"] == "3072m"
    given = small(running="    jira: {version: 11.3.1, resources: {memory: 6Gi, heap: 4Gi}}")
    assert environment(given, "jira")["JVM_MAXIMUM_MEMORY"] == "4096m"


def test_what_the_image_would_write_as_root_is_mounted() -> None:
    known = small(running="    jira: {version: 11.3.1, contextPath: /jira}")
    files = the(known, "ConfigMap", "jira-files")["data"]
    mounted = {
        mount["mountPath"] for mount in container(known, "jira")["volumeMounts"] if mount["name"] == "files"
    }
    assert mounted == {
        "/opt/atlassian/jira/conf/server.xml",
        "/opt/atlassian/jira/atlassian-jira/WEB-INF/classes/seraph-config.xml",
    }
    server = Xml.fromstring(files["server.xml"])
    connector, context = server.find(".//Connector"), server.find(".//Context")
    assert connector is not None
    assert context is not None
    assert (connector.get("scheme"), connector.get("proxyName")) == ("https", "jira.acme.example")
    assert context.get("path") == "/jira"


def test_another_file_is_another_revision() -> None:
    def revision(running: str) -> str:
        template = the(small(running=running), "StatefulSet", "jira")["spec"]["template"]
        return str(template["metadata"]["annotations"]["telamon.dev/revision"])

    plain = revision("    jira: {version: 11.3.1}")
    assert plain == revision("    jira: {version: 11.3.1}")
    assert plain != revision("    jira: {version: 11.3.1, contextPath: /jira}")


def test_readiness_reads_the_body_where_no_balancer_does() -> None:
    assert "httpGet" in container(small(), "jira")["readinessProbe"]
    probe = container(example("nginx"), "jira")["readinessProbe"]["exec"]["command"]
    assert probe[0] == "python3"
    assert probe[-2:] == ["http://127.0.0.1:8080/jira/status", "RUNNING"]


def test_a_search_cluster_speaks_tls_and_is_trusted() -> None:
    known = small(running=ALL)
    told = environment(known, "bitbucket")
    assert told["PLUGIN_SEARCH_CONFIG_BASEURL"] == "https://bitbucket-opensearch.acme-bitbucket.svc:9200"
    assert "-Djavax.net.ssl.trustStore=" in told["JVM_SUPPORT_RECOMMENDED_ARGS"]
    certificate = the(known, "Certificate", "bitbucket-opensearch")["spec"]
    assert certificate["commonName"] == "bitbucket-opensearch"
    search = environment(known, "bitbucket-opensearch")
    assert search["plugins.security.nodes_dn"] == "CN=bitbucket-opensearch"
    assert search["plugins.security.ssl.http.enabled"] == "true"


FOREIGN = """\
    bitbucket:
      version: 9.4.16
      companions:
        opensearch:
          external: {url: "https://198.51.100.9:9243", credentials: {secret: searcher, passwordKey: word}}
"""


def test_a_search_cluster_of_others_is_connected_to_and_none_is_run() -> None:
    known = small(running=FOREIGN)
    assert [part.name for part in known.parts] == ["bitbucket"]
    told = environment(known, "bitbucket")
    assert told["SEARCH_ENABLED"] == "false"
    assert told["PLUGIN_SEARCH_CONFIG_BASEURL"] == "https://198.51.100.9:9243"
    given = {each["name"]: each for each in container(known, "bitbucket")["env"]}
    assert given["PLUGIN_SEARCH_CONFIG_USERNAME"]["valueFrom"] == {
        "secretKeyRef": {"name": "searcher", "key": "username"}
    }
    assert given["PLUGIN_SEARCH_CONFIG_PASSWORD"]["valueFrom"] == {
        "secretKeyRef": {"name": "searcher", "key": "word"}
    }
    listed = {(each.namespace, each.name): each.keys for each in wanted_secrets(known, bundles(known))}
    assert listed["acme-bitbucket", "searcher"] == ("username", "word")
    assert ("acme-bitbucket", "acme-bitbucket-search") not in listed
    opened = [
        (rule["to"], rule["ports"])
        for policy in objects(known, "NetworkPolicy")
        for rule in policy["spec"].get("egress", ())
        if {"ipBlock": {"cidr": "198.51.100.9/32"}} in rule.get("to", ())
    ]
    assert [port["port"] for _, ports in opened for port in ports] == [9243]


def test_a_proxy_is_told_to_java_and_the_cluster_is_reached_directly() -> None:
    known = small("  security: {proxy: {url: 'http://proxy.example:3128', bypass: [intranet.example]}}")
    words = environment(known, "jira")["JVM_SUPPORT_RECOMMENDED_ARGS"]
    assert "-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=3128" in words
    assert "*.svc" in words
    assert "*.intranet.example" in words


def test_a_secret_within_a_text_is_put_in_by_the_kubelet() -> None:
    known = example("custom-kubernetes")
    told = environment(known, "ledger")
    assert told["LEDGER_DATABASE"].startswith("postgresql://ledger:$(TELAMON_SECRET_0)@database-rw.")
    assert told["TELAMON_SECRET_0"]["secretKeyRef"] == {"name": "records-ledger-database", "key": "password"}
    command = container(known, "ledger")["command"]
    assert "$(TELAMON_POD_NAME)" in command
    assert told["TELAMON_POD_ORDINAL"]["fieldRef"]["fieldPath"].startswith("metadata.labels")


def test_every_certificate_of_every_bundle_is_trusted(tmp_path: Path) -> None:
    """The script runs as it is; keytool is one that writes down what it is given."""
    java, bundles, store = tmp_path / "java", tmp_path / "bundles", tmp_path / "store"
    for folder in (java / "lib" / "security", bundles, store, tmp_path / "bin"):
        folder.mkdir(parents=True)
    (java / "lib" / "security" / "cacerts").write_text("java's own\n", encoding="utf-8")
    keytool = tmp_path / "bin" / "keytool"
    keytool.write_text(
        '#!/bin/sh\nwhile [ $# -gt 1 ]; do case "$1" in -keystore) store="$2";; -file) file="$2";; esac; shift; done\n'
        'cat "$file" >> "$store"\n',
        encoding="utf-8",
    )
    keytool.chmod(0o755)
    one, two, three = (
        f"-----BEGIN CERTIFICATE-----\n{mark}\n-----END CERTIFICATE-----\n"
        for mark in ("one", "two", "three")
    )
    (bundles / "a.pem").write_text(f"a remark\n{one}{two}", encoding="utf-8")
    (bundles / "b.pem").write_text(three.rstrip("\n"), encoding="utf-8")
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "JAVA_HOME": str(java)}
    command = ["sh", "-c", TRUST_AUTHORITIES, "sh", str(store), str(bundles)]
    subprocess.run(command, env=environment, check=True)
    assert (store / "cacerts").read_text(encoding="utf-8") == f"java's own\n{one}{two}{three}"
    (bundles / "a.pem").write_text("nothing\n", encoding="utf-8")
    (bundles / "b.pem").unlink()
    assert subprocess.run(command, env=environment, check=False, stderr=subprocess.PIPE).returncode == 1
