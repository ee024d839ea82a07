"""The profile of an application of one's own: everything the engine must know to keep it up.

A profile stands in a product's ``profile`` field or in a file of its own. Its command and environment are texts with
placeholders, filled in for each node:

======================  ==============================================================================
``${address}``          address the node must listen on
``${port.NAME}``        number of the port of that name
``${node.name}``        name of the node, stable over restarts
``${node.ordinal}``     0, 1, 2 …
``${home.local}``       the node's own folder, where ``homes`` names it
``${home.shared}``      the folder that all nodes share, where ``homes`` names it
``${peers}``            the other nodes as host:port with commas between, on port ``cluster`` (else ``http``)
``${front.url}``        the URL that users type
``${database.PART}``    url, host, port, name, user or password of the application's own database
``${secret.NAME}``      a secret listed in ``secrets``, the same for all nodes
======================  ==============================================================================
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from telamon.model.base import Doc, Items, Section
from telamon.model.common import Port
from telamon.model.text import (
    EnvironmentName,
    HeaderToken,
    ImageReference,
    Matching,
    Name,
    RelativePath,
    UrlPath,
)
from telamon.units import Duration, Within

HTTP: Final = "http"
"""The port every profile names: it is probed, and the front door forwards to it."""
CLUSTER: Final = "cluster"
"""The port on which ``${peers}`` are told, where the profile names it."""
DATABASE_PARTS: Final = ("url", "host", "port", "name", "user", "password")

PhaseName = Literal["STARTING", "RUNNING", "MAINTENANCE", "ERROR", "STOPPING"]


def _ok_runs() -> Mapping[PhaseName, tuple[int, ...]]:
    return {"RUNNING": (200,)}


class CodeReader(Section):
    """Reads the HTTP code of the status page alone."""

    kind: Literal["code"]
    states: Annotated[
        Mapping[PhaseName, Items[Annotated[int, Field(ge=100, le=599)]]],
        Doc(
            "Codes that mean each state.",
            unit="HTTP code",
            why="200 is how most applications say that they serve.",
        ),
    ] = Field(default_factory=_ok_runs)


class JsonReader(Section):
    """Reads one field of a JSON body, whatever the HTTP code."""

    kind: Literal["json"]
    field: Annotated[
        Annotated[str, Matching("the path of a field", "status.state", r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")],
        Doc("Path of the field, with dots between keys, e.g. status.state."),
    ]
    states: Annotated[
        Mapping[PhaseName, Annotated[Items[str], Field(min_length=1)]],
        Doc("Values of the field that mean each state."),
    ]


class TextReader(Section):
    """Looks for a text anywhere in the body, whatever the HTTP code."""

    kind: Literal["text"]
    states: Annotated[
        Mapping[PhaseName, Annotated[Items[Annotated[str, Field(min_length=1)]], Field(min_length=1)]],
        Doc("Texts that mean each state."),
    ]


def _by_code() -> CodeReader:
    return CodeReader.model_construct(kind="code")


class StatusPage(Section):
    """How to ask a node how it is."""

    path: Annotated[UrlPath, Doc("Path of the page; it must answer without a login.")]
    reader: Annotated[
        Annotated[CodeReader | JsonReader | TextReader, Field(discriminator="kind")],
        Doc("How to read the answer.", why="The code is all that most applications offer."),
    ] = Field(default_factory=_by_code)
    otherwise: Annotated[
        PhaseName,
        Doc(
            "State of a node whose answer matches nothing.",
            why="A node that is only starting gets no traffic, and its start timeout decides when it is stuck.",
        ),
    ] = "STARTING"


class Homes(Section):
    """The folders a node needs."""

    local: Annotated[
        bool, Doc("Whether each node has a folder of its own.", why="Logs and caches need one.")
    ] = True
    shared: Annotated[
        bool,
        Doc("Whether all nodes share a folder.", why="Applications that keep all in the database need none."),
    ] = False
    index: Annotated[
        RelativePath | None,
        Doc("Folder of the search index, within the node's own.", unset="A node keeps no search index."),
    ] = None
    index_positions: Annotated[
        Items[RelativePath],
        Doc(
            "Files, or folders of files, within the node's own, that say how far its index has come; a copy of the "
            "index brings them, never newer than the index.",
            why="Many applications keep that in the index itself, or in the database.",
        ),
    ] = ()
    index_swap: Annotated[
        Literal["stopped", "live"],
        Doc(
            "Whether a node is stopped while its index is exchanged, or (live) only reads its index and opens it anew "
            "when the folder changes.",
            why="A node that writes to the old folder would tear the new one.",
        ),
    ] = "stopped"


class TcpForward(Section):
    """A port that the front door passes on as it is."""

    name: Annotated[Name, Doc("Name of the listener.")]
    port: Annotated[Name, Doc("Name of the port it leads to, out of ports.")]
    listen: Annotated[Port, Doc("Port of the front door that is tried first.", unit="TCP port")]
    expect: Annotated[
        str, Doc("What a healthy node sends first.", why="Many protocols let the client speak first.")
    ] = ""


class Profile(Section):
    """An application of one's own."""

    title: Annotated[str | None, Doc("What people call it.", unset="The name of the product.")] = None
    command: Annotated[
        Annotated[Items[str], Field(min_length=1)],
        Doc("Command line of a node, each word an item; placeholders allowed."),
    ]
    image: Annotated[
        ImageReference | None,
        Doc(
            "Image that holds the command.",
            unset="Right in the lab only, where the command is started as it is.",
        ),
    ] = None
    environment: Annotated[
        Mapping[EnvironmentName, str],
        Doc("Environment of a node; placeholders allowed.", why="Nothing is assumed about the application."),
    ] = Field(default_factory=dict)
    ports: Annotated[
        Mapping[Name, Port],
        Doc(
            "Ports a node listens on, by name; http must be among them, and cluster is told to peers.",
            unit="TCP port",
        ),
    ]
    status: Annotated[StatusPage, Doc("How to ask a node how it is.")]
    homes: Annotated[Homes, Doc("Folders a node needs.")] = Field(default_factory=Homes.model_construct)
    database: Annotated[
        Literal["none", "postgresql"],
        Doc("Whether it gets a database of its own.", why="What is not asked for is not made."),
    ] = "none"
    secrets: Annotated[
        Items[Name],
        Doc(
            "Secrets that all nodes share, e.g. the key that signs sessions.",
            why="What is not asked for is not made.",
        ),
    ] = ()
    sticky_cookie: Annotated[
        HeaderToken | None,
        Doc(
            "Cookie by which the front door keeps a user on a node.", unset="Any node may answer any request."
        ),
    ] = None
    websockets: Annotated[
        Items[UrlPath],
        Doc("Path prefixes under which websockets are opened.", why="Most applications have none."),
    ] = ()
    tcp: Annotated[
        Items[TcpForward], Doc("Ports passed on as they are.", why="Most applications speak HTTP alone.")
    ] = ()
    start_timeout: Annotated[
        Annotated[Duration, Within("1s", "1d")],
        Doc(
            "How long a node may take from start to running.",
            unit="a length of time",
            why="Twice what a slow start takes, and short enough to notice a broken one.",
        ),
    ] = Duration.parse("5m")
    stop_grace: Annotated[
        Annotated[Duration, Within("1s", "1h")],
        Doc(
            "How long a node may take to stop before it is killed.",
            unit="a length of time",
            why="The default of Kubernetes.",
        ),
    ] = Duration.parse("30s")
    max_nodes: Annotated[
        Annotated[int, Field(ge=1, le=20)],
        Doc(
            "How many nodes it can have.",
            unit="nodes",
            why="A limit that nobody has tested is no limit to rely on.",
        ),
    ] = 8
