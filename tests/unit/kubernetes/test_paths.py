"""Where an API server keeps objects of a kind."""

from __future__ import annotations

import pytest

from telamon.platforms.kubernetes.api import Kind


@pytest.mark.parametrize(
    ("version", "kind", "path"),
    [
        ("v1", "Pod", "/api/v1/namespaces/web/pods/one"),
        ("networking.k8s.io/v1", "Ingress", "/apis/networking.k8s.io/v1/namespaces/web/ingresses/one"),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "/apis/networking.k8s.io/v1/namespaces/web/networkpolicies/one",
        ),
        (
            "gateway.networking.k8s.io/v1",
            "Gateway",
            "/apis/gateway.networking.k8s.io/v1/namespaces/web/gateways/one",
        ),
        (
            "gateway.envoyproxy.io/v1alpha1",
            "EnvoyProxy",
            "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/web/envoyproxies/one",
        ),
    ],
)
def test_the_path_of_a_kind_has_the_word_that_its_definition_gives(
    version: str, kind: str, path: str
) -> None:
    assert Kind(version, kind).path("web", "one") == path
