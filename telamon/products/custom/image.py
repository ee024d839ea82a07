"""Fill in the texts of a profile for one node."""

from __future__ import annotations

from dataclasses import dataclass

from telamon.errors import ProductError
from telamon.model.profile import CLUSTER, HTTP, Profile
from telamon.model.template import parts
from telamon.products.base import EnvironmentValue, JoinedValue, NodeContext, SecretValue
from telamon.products.container import NOBODYS_USER, Container, Needs
from telamon.units import Bytes, Cpu

Piece = str | SecretValue


def environment(profile: Profile, node: NodeContext) -> dict[str, EnvironmentValue]:
    """The environment of one node: the profile's, and over it that of the stack file."""
    filling = _Filling(profile, node)
    return {name: filling.fill(text) for name, text in profile.environment.items()} | dict(node.spec.env)


def command(profile: Profile, node: NodeContext) -> tuple[str, ...]:
    """The command line of one node.

    Raises:
        ProductError: a word of it holds a secret, which every user of the machine could then read.
    """
    filling = _Filling(profile, node)
    words = [filling.fill(word) for word in profile.command]
    plain = tuple(word for word in words if isinstance(word, str))
    if len(plain) != len(words):
        raise ProductError(
            f"the command of {node.member} holds a secret, and command lines can be read by everybody",
            remedy="Hand the secret over in the profile's environment.",
        )
    return plain


def container(profile: Profile) -> Container | None:
    """How its image is run in a cluster; ``None`` where the profile names none.

    Its homes are mounted where the placeholders say. Whom it runs as is ours to say, because no profile does; a
    patch can say otherwise.
    """
    if profile.image is None:
        return None
    home = "/var/lib/telamon/local" if profile.homes.local else ""
    return Container(
        repository=profile.image,
        user=NOBODYS_USER,
        home=home,
        works_in=home,
        shared_home="/var/lib/telamon/shared" if profile.homes.shared else "",
        needs=Needs(
            Cpu.parse("500m"),
            Bytes.parse("1Gi"),
            disk=Bytes.parse("1Gi") if profile.homes.local else None,
        ),
    )


@dataclass(frozen=True)
class _Filling:
    """Knows what stands for every placeholder on one node."""

    profile: Profile
    node: NodeContext

    def fill(self, text: str) -> EnvironmentValue:
        """A text with every placeholder filled in; secrets stay references.

        Raises:
            ProductError: a placeholder is not known; the reader of the stack file refuses such a profile before.
        """
        pieces: list[Piece] = []
        for part in parts(text):
            for piece in (part,) if isinstance(part, str) else self._values(part.name):
                if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
                    pieces[-1] += piece
                else:
                    pieces.append(piece)
        if not pieces:
            return ""
        return pieces[0] if len(pieces) == 1 else JoinedValue(tuple(pieces))

    def _values(self, name: str) -> tuple[Piece, ...]:
        group, _, rest = name.partition(".")
        if group == "database":
            found = self._database(rest)
        elif group == "secret":
            found = (self.node.secrets[rest],) if rest in self.profile.secrets else ()
        else:
            plain = self._plain(group, rest)
            found = () if plain is None else (plain,)
        if not found:
            raise ProductError(f"the profile of {self.node.member} has an unknown placeholder ${{{name}}}")
        return found

    def _plain(self, group: str, rest: str) -> str | None:
        """A value that is no secret."""
        node, homes = self.node, self.profile.homes
        match group, rest:
            case "address", "":
                return node.bind
            case "peers", "":
                port = CLUSTER if CLUSTER in self.profile.ports else HTTP
                return ",".join(str(peer.endpoints[port]) for peer in node.peers)
            case "port", _ if rest in node.ports:
                return str(node.ports[rest])
            case "home", _:
                known = {"local": node.local_home if homes.local else None}
                return (known | {"shared": node.shared_home if homes.shared else None}).get(rest)
            case _:
                texts = {
                    "node.name": node.member,
                    "node.ordinal": node.ordinal_text,
                    "front.url": node.front.url,
                }
                return texts.get(f"{group}.{rest}")

    def _database(self, part: str) -> tuple[Piece, ...]:
        link = self.node.database
        if link is None:
            return ()
        known: dict[str, tuple[Piece, ...]] = {
            "url": ("postgresql://", link.user, ":", link.password, f"@{link.endpoint}/{link.name}"),
            "host": (link.endpoint.host,),
            "port": (str(link.endpoint.port),),
            "name": (link.name,),
            "user": (link.user,),
            "password": (link.password,),
        }
        return known.get(part, ())
