"""What becomes of the values that the vendor's charts have in common.

Those that :mod:`telamon.importer.section` carries over stand here as taken; what it says of a single one counts more.

Source: atlassian/data-center-helm-charts 2.0.9, ``values.yaml`` and templates of each chart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.products.chart import Chart, Fate, Keys

_TAKEN: Final = (
    ("nodes", ("replicaCount",)),
    ("version", ("image.tag",)),
    ("edition, images.mirror", ("image.repository", "image.registry")),
    ("images.pullSecret", ("serviceAccount.imagePullSecrets",)),
    ("database", ("database.type", "database.url", "database.credentials")),
    ("storage.localHome", ("volumes.localHome.persistentVolumeClaim", "volumes.localHome.customVolume")),
    (
        "storage.sharedHome",
        (
            "volumes.sharedHome.persistentVolumeClaim",
            "volumes.sharedHome.persistentVolume",
            "volumes.sharedHome.customVolume",
        ),
    ),
    ("volumes", ("volumes.additional", "{own}.additionalVolumeMounts")),
    (
        "edge, baseUrl",
        (
            "ingress.create",
            "ingress.className",
            "ingress.nginx",
            "ingress.host",
            "ingress.https",
            "ingress.port",
        ),
    ),
    ("edge.tls", ("ingress.tlsSecretName",)),
    ("contextPath", ("{own}.service.contextPath", "ingress.path")),
    ("resources", ("{own}.resources.jvm.maxHeap", "{own}.resources.container")),
    ("stopGrace", ("{own}.shutdown.terminationGracePeriodSeconds",)),
    ("env", ("{own}.additionalEnvironmentVariables",)),
    ("jvmArgs", ("{own}.additionalJvmArgs",)),
    ("sidecars", ("additionalContainers",)),
    ("placement", ("nodeSelector", "tolerations", "priorityClassName")),
    (
        "security.authorities",
        ("{own}.additionalCertificates.secretName", "{own}.additionalCertificates.secretList"),
    ),
)
_OURS: Final = (
    ("images are named by digest, so nothing has to be pulled twice", ("image.pullPolicy",)),
    ("nodes are changed one by one, in the order that the planner finds", ("updateStrategy",)),
    (
        "each workload has an account of its own, with the rights that it needs",
        (
            "serviceAccount.create",
            "serviceAccount.name",
            "serviceAccount.role",
            "serviceAccount.clusterRole",
            "serviceAccount.roleBinding",
            "serviceAccount.clusterRoleBinding",
        ),
    ),
    ("volumes are always kept", ("volumes.localHome.persistentVolumeClaimRetentionPolicy",)),
    (
        "homes are mounted where the image looks for them",
        ("volumes.localHome.mountPath", "volumes.sharedHome.mountPath"),
    ),
    (
        "nobody is root: the shared home has to belong to the product's user",
        ("volumes.sharedHome.nfsPermissionFixer", "{own}.setPermissions"),
    ),
    (
        "the front door's own limits are wide enough for uploads, exports and websockets",
        (
            "ingress.maxBodySize",
            "ingress.proxyConnectTimeout",
            "ingress.proxyReadTimeout",
            "ingress.proxySendTimeout",
        ),
    ),
    ("a container is called main", ("{own}.useHelmReleaseNameAsContainerName",)),
    (
        "services are Telamon's own; users stay on a node by a cookie",
        ("{own}.service",),
    ),
    (
        "pods fit the profile `restricted`, with the user of the image",
        (
            "{own}.securityContext",
            "{own}.securityContextEnabled",
            "{own}.containerSecurityContext",
            "openshift",
        ),
    ),
    ("the image's own port", ("{own}.ports",)),
    (
        "probes never kill a node that rebuilds its index; how long a start may take is startTimeout",
        ("{own}.readinessProbe", "{own}.startupProbe", "{own}.livenessProbe"),
    ),
    ("logs of Tomcat are kept in the node's own home", ("{own}.accessLog",)),
    ("nodes always form a cluster", ("{own}.clustering",)),
    ("a node is stopped in order by the image's own command", ("{own}.shutdown.command",)),
    ("the heap has one size from the start", ("{own}.resources.jvm.minHeap",)),
    (
        "server.xml and seraph-config.xml are rendered with the image's own values",
        ("{own}.tomcatConfig.generateByHelm", "{own}.seraphConfig.generateByHelm", "{own}.tomcatConfig.port"),
    ),
    (
        "nodes are spread over machines and zones: placement.apart",
        ("affinity", "{own}.topologySpreadConstraints"),
    ),
    ("a drain takes one node at a time", ("podDisruptionBudget",)),
    ("the chart's own checks are not needed", ("testPods",)),
    ("nothing is reported to the vendor by Telamon", ("atlassianAnalyticsAndSupport",)),
    ("one name in all places: the stack's and the product's", ("nameOverride", "fullnameOverride")),
)
_LOST: Final = (
    ("members count from 0", ("ordinals.start",)),
    (
        "the account takes no annotations; write a patch of the ServiceAccount",
        ("serviceAccount.annotations",),
    ),
    (
        "a role of AWS is for what lies in S3; for anything else it takes a patch of the ServiceAccount",
        ("serviceAccount.eksIrsa",),
    ),
    (
        "a folder within a volume cannot be mounted as a home",
        ("volumes.localHome.subPath", "volumes.sharedHome.subPath"),
    ),
    ("OpenShift's routes are not rendered", ("ingress.openShiftRoute", "ingress.routeHttpHeaders")),
    ("a controller's annotations take a patch of the Ingress or of the route", ("ingress.annotations",)),
    ("one path leads to a product; further ones take a patch", ("ingress.additionalPaths",)),
    (
        "a service of another kind takes a patch",
        ("{own}.service.nodePort", "{own}.service.loadBalancerIP", "{own}.service.annotations"),
    ),
    ("nothing runs in a container besides its program; use a sidecar", ("{own}.postStart",)),
    (
        "it writes the configuration anew at each start, which breaks rolling upgrades; set it in env for one start",
        ("{own}.forceConfigUpdate",),
    ),
    (
        "server.xml is rendered with the image's own values; another one takes a patch of the ConfigMap",
        ("{own}.tomcatConfig",),
    ),
    (
        "seraph-config.xml is rendered with the image's own values; another one takes a patch of the ConfigMap",
        ("{own}.seraphConfig",),
    ),
    (
        "a single file of a volume cannot be mounted; install apps in the product, and drivers are in the image",
        ("{own}.additionalLibraries", "{own}.additionalBundledPlugins"),
    ),
    (
        "pods take no annotations and labels of one's own; write a patch",
        ("{own}.additionalAnnotations", "podAnnotations", "podLabels", "additionalLabels"),
    ),
    ("ports of one's own take a patch, and a flow in security.allow", ("{own}.additionalPorts",)),
    ("volumes of nodes besides their homes take a patch", ("{own}.additionalVolumeClaimTemplates",)),
    (
        "authorities are imported by Telamon's own command",
        ("{own}.additionalCertificates.customCmd", "{own}.additionalCertificates.initContainer"),
    ),
    ("a second connector for tunnels is not rendered", ("{own}.tunnel",)),
    ("metrics of the products are not rendered; a sidecar or an agent has to bring them", ("monitoring",)),
    ("logs are shipped by a sidecar: products.*.sidecars", ("fluentd",)),
    ("another scheduler takes a patch", ("schedulerName",)),
    ("pods share nothing with their machine", ("hostNamespaces",)),
    (
        "nothing runs before the product but what Telamon prepares; write a patch",
        ("additionalInitContainers",),
    ),
    (
        "a single file is not mounted; mount the whole ConfigMap or secret as a volume",
        ("additionalFiles", "additionalConfigMaps"),
    ),
    ("names are asked of the cluster; entries of one's own take a patch", ("additionalHosts",)),
    ("another mode than that of an ordinary instance stays with the chart", ("{own}.applicationMode",)),
)
_SWITCHES: Final = (
    ("{own}.tunnel", "{own}.tunnel.additionalConnector.port"),
    ("monitoring", "monitoring.exposeJmxMetrics"),
    ("fluentd", "fluentd.enabled"),
    ("ordinals.start", "ordinals.enabled"),
    ("{own}.seraphConfig", "{own}.seraphConfig.generateByHelm"),
    ("{own}.tomcatConfig", "{own}.tomcatConfig.generateByHelm"),
)
"""Values that mean something only where another one is set."""


def keys_of(chart: Chart) -> tuple[Keys, ...]:
    """Every value of a chart, and what becomes of it.

    Args:
        chart: of the product.
    """
    return (*_common(chart), *_own(chart), *chart.keys)


def _common(chart: Chart) -> Iterator[Keys]:
    switches = dict(_SWITCHES)
    for fate, table in ((Fate.TAKEN, _TAKEN), (Fate.OURS, _OURS), (Fate.LOST, _LOST)):
        for why, paths in table:
            switch = next((switches[path] for path in paths if path in switches), "")
            named = tuple(path.format(own=chart.section) for path in paths)
            yield Keys(fate, why, named, switch=switch.format(own=chart.section))
    yield Keys(Fate.OURS, "members count from 0", ("ordinals.enabled",))


def _own(chart: Chart) -> Iterator[Keys]:
    yield Keys(Fate.TAKEN, "env", tuple(chart.variables))
    yield Keys(Fate.TAKEN, "storage.s3", tuple(chart.object_stores.values()))
    for companion in chart.companions:
        given = (companion.switch, companion.nodes, companion.requests, companion.heap, companion.size)
        paths = tuple(path for path in given if path)
        yield Keys(Fate.TAKEN, f"companions.{companion.name}", paths)
    if chart.license:
        yield Keys(Fate.TAKEN, "license", (chart.license,))
    if chart.ssh:
        yield Keys(Fate.TAKEN, "edge.ssh", (f"{chart.ssh}.enabled", f"{chart.ssh}.port", f"{chart.ssh}.host"))
