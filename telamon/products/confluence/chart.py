"""The vendor's chart of Confluence. Source: atlassian/data-center-helm-charts, ``src/main/charts/confluence``."""

from __future__ import annotations

from typing import Final

from telamon.products.chart import Chart, ChartCompanion, Fate, Keys
from telamon.products.confluence.edge import SYNCHRONY

CHART: Final = Chart(
    section="confluence",
    keys=(
        Keys(
            Fate.OURS,
            "nodes of a cluster find one another through a service of their own",
            ("confluence.ports.hazelcast", "confluence.hazelcastService"),
        ),
        Keys(
            Fate.OURS, "a node is called as its pod", ("confluence.clustering.usePodNameAsClusterNodeName",)
        ),
        Keys(Fate.OURS, "the image's own, and homes belong to the product's user", ("confluence.umask",)),
        Keys(
            Fate.OURS,
            "files are mounted so that the product's user can read them",
            ("volumes.defaultPermissionsMode",),
        ),
        Keys(
            Fate.OURS, "access is always logged, into the node's own home", ("confluence.accessLog.enabled",)
        ),
        Keys(
            Fate.LOST,
            "a debugger has no place in a cluster that serves; add its option to jvmArgs and a patch for the port",
            ("confluence.jvmDebug",),
        ),
        Keys(
            Fate.LOST,
            "an index in OpenSearch is not rendered: each node keeps its own, and builds or copies it at its start",
            ("opensearch",),
            switch="opensearch.enabled",
        ),
        Keys(
            Fate.OURS,
            "it runs with the product's own image, a folder that need not be kept, and a service",
            (
                "volumes.synchronyHome",
                "synchrony.service",
                "synchrony.ports",
                "synchrony.readinessProbe",
                "synchrony.securityContext",
                "synchrony.securityContextEnabled",
                "synchrony.setPermissions",
                "synchrony.resources.jvm.minHeap",
                "synchrony.resources.jvm.stackSize",
                "synchrony.shutdown",
                "synchrony.containerSecurityContext",
                "synchrony.ingress",
            ),
            switch="synchrony.enabled",
        ),
        Keys(
            Fate.OURS,
            "Telamon places it like the product's nodes",
            (
                "synchrony.affinity",
                "synchrony.topologySpreadConstraints",
                "synchrony.nodeSelector",
                "synchrony.tolerations",
                "synchrony.priorityClassName",
                "synchrony.schedulerName",
            ),
            switch="synchrony.enabled",
        ),
        Keys(
            Fate.LOST,
            "its pods take nothing of one's own; write a patch of the StatefulSet",
            (
                "synchrony.podAnnotations",
                "synchrony.additionalEnvironmentVariables",
                "synchrony.additionalJvmArgs",
                "synchrony.additionalLibraries",
                "synchrony.additionalVolumeMounts",
                "synchrony.additionalAnnotations",
                "synchrony.additionalPorts",
                "synchrony.hostNamespaces",
                "volumes.additionalSynchrony",
            ),
            switch="synchrony.enabled",
        ),
        Keys(
            Fate.OURS,
            "authorities are trusted by the whole stack: security.authorities",
            ("synchrony.additionalCertificates",),
        ),
    ),
    variables={
        "confluence.session.timeout": "ATL_CONFLUENCE_SESSION_TIMEOUT",
        "confluence.session.autologinCookieAge": "ATL_AUTOLOGIN_COOKIE_AGE",
        "confluence.resources.jvm.reservedCodeCache": "JVM_RESERVED_CODE_CACHE_SIZE",
    },
    object_stores={"attachments": "confluence.s3AttachmentsStorage"},
    companions=(
        ChartCompanion(
            SYNCHRONY,
            switch="synchrony.enabled",
            nodes="synchrony.replicaCount",
            requests="synchrony.resources.container.requests",
            heap="synchrony.resources.jvm.maxHeap",
        ),
    ),
    license="confluence.license",
    code_cache="confluence.resources.jvm.reservedCodeCache",
)
