"""As whom the operator asks a search cluster on Kubernetes, and what it may read for that."""

from __future__ import annotations

from telamon.desired.calls import UserDesired
from telamon.desired.kubernetes.components import components
from telamon.products.base import SecretValue
from tests.support.manifests import ALL, objects, rendered, small

PASSWORD = SecretValue("acme-bitbucket-search", "password")
AUTHORITY = SecretValue("acme-bitbucket-opensearch-tls", "ca.crt")


def test_a_search_cluster_is_asked_as_its_own_user_under_a_name_of_its_certificate() -> None:
    known = small(running=ALL)
    users = {each.desired.name: each.user for each in components(known, rendered(known))}
    name = "bitbucket-opensearch.acme-bitbucket.svc"
    assert users.pop("bitbucket-opensearch") == UserDesired("admin", PASSWORD, AUTHORITY, name)
    assert set(users.values()) == {None}
    certificate = next(each for each in objects(known, "Certificate") if each["spec"].get("dnsNames"))
    assert name in certificate["spec"]["dnsNames"]


def test_the_operator_may_read_what_that_takes_where_the_search_cluster_is() -> None:
    roles = {
        role["metadata"]["namespace"]: {
            name
            for rule in role["rules"]
            if "secrets" in rule["resources"] and rule["verbs"] == ["get"]
            for name in rule["resourceNames"]
        }
        for role in objects(small(running=ALL), "Role")
        if role["metadata"]["name"] == "telamon-operator"
    }
    both = {PASSWORD.secret, AUTHORITY.secret}
    assert both <= roles.pop("acme-bitbucket")
    assert not any(both & names for names in roles.values())
