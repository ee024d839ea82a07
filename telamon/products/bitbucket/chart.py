"""The vendor's chart of Bitbucket. Source: atlassian/data-center-helm-charts, ``src/main/charts/bitbucket``."""

from __future__ import annotations

from typing import Final

from telamon.products.bitbucket.edge import OPENSEARCH
from telamon.products.chart import Chart, ChartCompanion, Fate, Keys

CHART: Final = Chart(
    section="bitbucket",
    keys=(
        Keys(
            Fate.OURS,
            "nodes of a cluster find one another through a service and a secret of their own",
            ("bitbucket.ports.hazelcast", "bitbucket.hazelcastService", "bitbucket.clustering.group"),
        ),
        Keys(Fate.OURS, "the driver of PostgreSQL is in the image", ("database.driver",)),
        Keys(
            Fate.OURS,
            "the image's own port; users reach it by edge.ssh",
            ("bitbucket.ports.ssh", "bitbucket.service.sshPort", "bitbucket.service.sshNodePort"),
        ),
        Keys(
            Fate.LOST,
            "the service for git over SSH is Telamon's; a fixed address or annotations take a patch",
            (
                "bitbucket.sshService.type",
                "bitbucket.sshService.nodePort",
                "bitbucket.sshService.loadBalancerIP",
                "bitbucket.sshService.annotations",
            ),
            switch="bitbucket.sshService.enabled",
        ),
        Keys(
            Fate.LOST,
            "the first administrator comes from a secret with username, password, email and name: products.*.admin",
            ("bitbucket.sysadminCredentials",),
            switch="bitbucket.sysadminCredentials.secretName",
        ),
        Keys(
            Fate.OURS,
            "what was set up keeps its name; it can be changed in the product",
            ("bitbucket.displayName",),
        ),
        Keys(
            Fate.OURS, "nodes start in the order that is right for them", ("bitbucket.podManagementStrategy",)
        ),
        Keys(
            Fate.OURS,
            "the chart runs a search cluster of its own, so nobody asks this one",
            ("opensearch.baseUrl", "bitbucket.elasticSearch"),
            switch="opensearch.install",
        ),
        Keys(
            Fate.OURS,
            "the search cluster has several nodes, TLS and secrets of its own",
            (
                "opensearch.credentials",
                "opensearch.singleNode",
                "opensearch.extraEnvs",
                "opensearch.envFrom",
                "opensearch.securityConfig",
            ),
            switch="opensearch.install",
        ),
        Keys(
            Fate.LOST,
            "a mirror has no database and no cluster; it stays with the chart",
            ("bitbucket.mirror",),
            switch="bitbucket.mirror.upstreamUrl",
        ),
        Keys(
            Fate.LOST,
            "Mesh is not rendered; it stays with the chart, and goes on serving its repositories",
            ("bitbucket.mesh",),
            switch="bitbucket.mesh.enabled",
        ),
    ),
    companions=(
        ChartCompanion(
            OPENSEARCH,
            switch="opensearch.install",
            requests="opensearch.resources.requests",
            size="opensearch.persistence.size",
            external={
                "bitbucket.elasticSearch.baseUrl": "bitbucket.elasticSearch.credentials",
                "opensearch.baseUrl": "opensearch.credentials",
            },
        ),
    ),
    license="bitbucket.license",
    ssh="bitbucket.sshService",
)
