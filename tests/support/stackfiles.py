"""Valid stack files by the thousand, as data, each from a seed.

Every section and every kind of platform, database, volume and certificate comes up; values that depend on one another
are drawn together, so that no rule is broken.
"""

from __future__ import annotations

import json
import random
from typing import Any

from telamon.stackfile.build import to_yaml

Document = dict[str, Any]

VERSIONS = {
    "jira": ["11.3.1", "11.3.5", "10.3.12", "9.12.20"],
    "confluence": ["10.2.7", "9.2.25", "10.2.18"],
    "bitbucket": ["9.4.16", "9.4.2", "10.2.1"],
}
COMPANIONS: dict[str, list[str]] = {"jira": [], "confluence": ["synchrony"], "bitbucket": ["opensearch"]}
EGRESS = ["smtp", "ldap", "idp", "application-links", "marketplace", "webhooks", "s3", "kube-api"]


class Draw:
    """Draws values from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.fullness = self.random.choice((0.05, 0.05, 0.1, 0.3))
        """Most files are short, as people's are; some say much of what can be said."""

    def maybe(self, chance: float | None = None) -> bool:
        return self.random.random() < (self.fullness if chance is None else chance)

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def some(self, choices: list[Any], *, least: int = 0) -> list[Any]:
        return self.random.sample(choices, self.random.randint(least, len(choices)))

    def filled(self, required: Document, **optional: Any) -> Document:
        """The required keys, and each of the others by chance; values may be functions that draw them."""
        chosen = {key: value for key, value in optional.items() if self.maybe()}
        drawn = {key: value() if callable(value) else value for key, value in {**required, **chosen}.items()}
        keys = list(drawn)
        self.random.shuffle(keys)
        return {key: drawn[key] for key in keys}


def document(seed: int) -> Document:
    """A valid stack file, as data."""
    draw = Draw(seed)
    platform = draw.one("lab", "kubernetes", "aws")
    domain = draw.one("acme.example", "tools.acme.example", "a.b", "x1.localhost")
    names = draw.some(list(VERSIONS), least=1)
    products = {name: product(draw, name, domain=domain, platform=platform) for name in names}
    if draw.maybe(0.3):
        products["shop"] = application(draw, platform=platform)
    required = {"domain": domain, "products": products} | _platform_parts(draw, platform)
    spec = draw.filled(
        required,
        environment=lambda: draw.one("dev", "staging", "production"),
        placement=lambda: placement(draw),
        security=lambda: security(draw),
        images=lambda: draw.filled(
            {},
            mirror="registry.acme.example:5000/mirror",
            pullSecret="login",
            digests={"registry.acme.example/a:1": f"sha256:{1:064x}"},
        ),
        monitoring=lambda: draw.filled(
            {}, enabled=draw.maybe(), interval=lambda: draw.one("15s", "1m", "90s")
        ),
        paging=lambda: paging(draw),
        access=lambda: draw.filled(
            {}, administrators=["team"], viewers=[], products={names[0]: {"administrators": ["a", "b"]}}
        ),
    )
    metadata = draw.filled(
        {"name": draw.one("acme", "a", "team-1")}, labels={"team": "x"}, namespace="control"
    )
    whole = draw.filled(
        {"apiVersion": "telamon.dev/v1alpha1", "kind": "Stack", "metadata": metadata, "spec": spec}
    )
    # By way of JSON, so that no part of it is in it twice: who changes one place must not change another.
    made: Document = json.loads(json.dumps(whole))
    return made


def text(data: Document, draw: Draw) -> str:
    """A document as a file: in block style, sometimes with comments, or in the braces of JSON."""
    if draw.maybe(0.2):
        return json.dumps(data, indent=draw.one(None, 1, 4))
    written = to_yaml(data)
    if draw.maybe(0.3):
        written = "# a comment\n---\n" + written.replace("\nspec:", "\n# what is wanted\nspec:", 1) + "...\n"
    return written


def resources(draw: Draw) -> Document:
    memory, heap = draw.one(("4Gi", "2Gi"), ("8192Mi", "4G"), ("16Gi", "8Gi"), ("2.5Gi", "1Gi"))
    return draw.filled({}, cpu=lambda: draw.one(2, 0.5, "500m", "4"), memory=memory, heap=heap)


def product(draw: Draw, name: str, *, domain: str, platform: str) -> Document:
    path = draw.one("", f"/{name}")
    companions = {
        companion: draw.filled(
            {}, nodes=lambda: draw.one(1, 2, 3), version="2.19.1", resources=lambda: resources(draw)
        )
        for companion in COMPANIONS[name]
    }
    given = draw.filled(
        {"version": draw.one(*VERSIONS[name])},
        nodes=lambda: draw.one(1, 2, 3, 8),
        license=lambda: draw.filled({"secret": f"{name}-license"}, key="license"),
        admin={"secret": "admin"},
        serviceAccount={"secret": "service.account"},
        companions=companions,
        resources=lambda: resources(draw),
        startTimeout=lambda: draw.one("15m", "1h", "90s", "1h30m"),
        stopGrace=lambda: draw.one("30s", "2m"),
        env=lambda: draw.one({}, {"A": "b", "JAVA_HOME": "/opt/java"}, {"EMPTY": ""}),
        jvmArgs=lambda: draw.one([], ["-Da=b", "-XX:+UseG1GC"]),
        properties=lambda: draw.one({}, {"a.b": "c", "x": "no"}),
        volumes=lambda: volumes(draw),
        sidecars=lambda: sidecars(draw),
        patches=lambda: patches(draw),
    )
    if path:
        given["contextPath"] = path
    if draw.maybe():
        given["baseUrl"] = f"https://{draw.one(name, 'x.' + name)}.{domain}{path}"
    if platform != "lab" and draw.maybe():
        given["database"] = draw.filled(
            {
                "host": "db.acme.example",
                "name": f"{name}db",
                "credentials": draw.filled({"secret": "db"}, usernameKey="u"),
            },
            port=6432,
            tls=draw.one("require", "disable"),
        )
    if name == "jira" and platform != "lab" and draw.maybe():
        app = draw.filled({}, heap="2Gi", port=3802)
        given["apps"] = {"eazybi": {**app, "database": "none"} if "database" in given else app}
    homes = draw.filled({}, localHome={"size": "50Gi"}, sharedHome={"size": "1Ti"})
    if platform != "lab" and draw.maybe():
        homes["localHome"] = {"storageClass": "fast", "volumes": ["pv-0"]}
        homes["sharedHome"] = {
            "volume": draw.filled({"kind": "existing", "volume": "pv-9"}, storageClass="nfs")
        }
    if (
        platform != "lab"
        and name in {"jira", "confluence"}
        and not given["version"].startswith("9.12")
        and draw.maybe()
    ):
        homes["s3"] = objects_in_s3(draw, name)
    if name == "bitbucket" and platform == "aws":
        homes["sharedHome"] = {"volume": draw.one({"kind": "openzfs", "throughput": 128}, nfs(draw))}
    return given | ({"storage": homes} if homes else {})


def objects_in_s3(draw: Draw, name: str) -> Document:
    store = draw.filled(
        {"bucket": "acme-files", "region": "eu-central-1"}, endpoint="https://s3.acme.example"
    )
    entered: Document = draw.one(
        {}, {"role": "arn:aws:iam::123456789012:role/files"}, {"credentials": {"secret": "files"}}
    )
    kinds = ["attachments"] if name == "confluence" else ["attachments", "avatars", "backups"]
    return dict.fromkeys(draw.some(kinds, least=1), store) | entered


def nfs(draw: Draw) -> Document:
    return draw.filled(
        {"kind": "nfs", "server": "nfs.acme.example", "path": "/exports"}, mountOptions=["hard"]
    )


def volumes(draw: Draw) -> list[Document]:
    return [
        draw.filled(
            {
                "name": f"volume-{index}",
                "mountPath": f"/mnt/{index}",
                draw.one("secret", "configMap", "claim"): "x",
            },
            readOnly=draw.maybe(),
        )
        for index in range(draw.one(0, 1, 3))
    ]


def sidecars(draw: Draw) -> list[Document]:
    return [
        draw.filled(
            {"name": f"side-{index}", "image": draw.one("alpine:3", "registry.acme.example:5000/a/b:1.2")},
            command=["run", "--fast"],
            env={"A": "b"},
            ports=[9000, 9001],
            resources=lambda: resources(draw),
        )
        for index in range(draw.one(0, 1, 2))
    ]


def patches(draw: Draw) -> list[Document]:
    operations = [
        {"op": "add", "path": "/spec/x", "value": draw.one(1, "a", {"b": [True]})},
        {"op": "remove", "path": "/y"},
    ]
    return [
        {"name": f"patch-{index}", "kind": "Service", "operations": operations}
        for index in range(draw.one(0, 1, 2))
    ]


def application(draw: Draw, *, platform: str) -> Document:
    profile = draw.filled(
        {
            "command": ["serve", "--listen", "${address}:${port.http}", "$${literal}"],
            "ports": {"http": 8000, "cluster": 5701, "ssh": 2222},
            "status": draw.filled({"path": "/status"}, otherwise="ERROR", reader=lambda: reader(draw)),
            "homes": {"local": True, "shared": True},
            "database": "postgresql",
            "secrets": ["session-key"],
        },
        title="The shop",
        environment={
            "DB": "${database.url}",
            "KEY": "${secret.session-key}",
            "PEERS": "${peers}",
            "AT": "${front.url}",
        },
        stickyCookie="SHOP",
        websockets=["/live"],
        tcp=[{"name": "ssh", "port": "ssh", "listen": 2022, "expect": "SSH-2.0"}],
        startTimeout="2m",
        stopGrace="10s",
        maxNodes=5,
    )
    if platform != "lab" or draw.maybe():
        profile["image"] = "registry.acme.example/shop:2"
    return draw.filled({"profile": profile}, version="2024-b", nodes=lambda: draw.one(1, 2, 5))


def reader(draw: Draw) -> Document:
    made: Document = draw.one(
        {"kind": "code"},
        {"kind": "code", "states": {"RUNNING": [200, 204], "MAINTENANCE": [503]}},
        {"kind": "json", "field": "a.b", "states": {"RUNNING": ["up"], "ERROR": ["down"]}},
        {"kind": "text", "states": {"RUNNING": ["all good"]}},
    )
    return made


def placement(draw: Draw) -> Document:
    return draw.filled(
        {},
        apart=draw.one("required", "preferred"),
        nodeSelector={"pool": "a"},
        tolerations=[
            {"name": "t", "key": "dedicated", "value": "a", "effect": "NoSchedule"},
            {"name": "u", "key": "b"},
        ],
        priorityClass="high",
        machines=lambda: [
            draw.filled(
                {
                    "name": f"group-{index}",
                    "count": draw.one(1, 3),
                    "cpu": draw.one(4, "8"),
                    "memory": "32Gi",
                },
                reserved={"memory": "2Gi"},
                labels={"pool": "a"},
            )
            for index in range(draw.one(0, 1, 2))
        ],
    )


def security(draw: Draw) -> Document:
    return draw.filled(
        {},
        egress=lambda: draw.some(EGRESS),
        allow=[{"name": "hr", "cidr": "10.0.0.0/8", "port": 443}],
        proxy=lambda: draw.filled({"url": "http://proxy.acme.example:3128"}, bypass=["b.example"]),
        authorities={"secret": "authorities", "key": "bundle.pem"},
    )


def paging(draw: Draw) -> Document:
    made: Document = draw.one(
        {"kind": "opsgenie", "region": "eu", "key": {"secret": "pager"}},
        {"kind": "service-operations", "url": "https://pager.example", "key": {"secret": "pager"}},
        {"kind": "webhook", "url": "https://pager.example/hook"},
    )
    return made


def backup(draw: Draw, *, destination: Document) -> Document:
    return draw.filled({"destination": destination}, every=draw.one("6h", "1d"), keep=draw.one("30d", "7d"))


def postgresql(draw: Draw, *kinds: str) -> Document:
    made: dict[str, Document] = {
        "rds": draw.filled({}, version="17", instanceClass="db.m7g.xlarge", storage="200Gi"),
        "external": draw.filled(
            {"host": "db.acme.example", "admin": {"secret": "dba"}}, port=5433, tls="require"
        ),
        "cloudnative-pg": draw.filled(
            {}, instances=2, storage="50Gi", storageClass="fast", parameters={"a": "b"}
        ),
    }
    kind = draw.one(*kinds)
    return {"kind": kind, **made[kind]}


def _platform_parts(draw: Draw, platform: str) -> Document:
    ports = draw.filled({}, port=lambda: draw.one(8080, 443), ssh={"port": 7999})
    if platform == "lab":
        lab = draw.filled(
            {"kind": "lab"}, network=lambda: f"127.{draw.random.randrange(256)}.0.0/16", balancers=1
        )
        edge = draw.filled(ports, tls=lambda: {"kind": draw.one("disabled", "lab")})
        destination: Document = {"kind": "folder", "path": "/backup"}
        return draw.filled({}, platform=lab, edge=edge, backup=lambda: backup(draw, destination=destination))
    shared = draw.one(nfs(draw), {"kind": "csi", "storageClass": "rwx"})
    certificates = draw.one(
        {"kind": "cert-manager", "issuer": "ca"}, {"kind": "secret", "secret": "tls"}, {"kind": "disabled"}
    )
    destination = draw.filled({"kind": "s3", "bucket": "acme-backup"}, prefix="a/b/")
    if platform == "kubernetes":
        return draw.filled(
            {
                "platform": draw.filled({"kind": "kubernetes"}, context="prod", namespacePrefix="acme"),
                "storage": {"shared": shared, "local": {"storageClass": "fast"}},
                "edge": draw.filled(
                    ports | {"tls": certificates}, driver=lambda: draw.one("gateway", "nginx")
                ),
            },
            database=lambda: postgresql(draw, "external", "cloudnative-pg"),
            backup=lambda: backup(draw, destination=destination),
        )
    aws = draw.filled(
        {"kind": "aws", "region": "eu-central-1", "account": "123456789012"},
        zones=2,
        network="10.1.0.0/16",
        publicApi=True,
    )
    edge = draw.filled(
        ports,
        driver="alb",
        className="shared",
        tls={"kind": "acm"},
        cdn={"kind": "cloudfront", "priceClass": "all"},
    )
    return draw.filled(
        {"platform": aws},
        edge=edge,
        storage={"shared": shared},
        database=lambda: postgresql(draw, "rds", "external"),
        backup=lambda: backup(draw, destination=destination),
    )
