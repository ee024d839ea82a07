"""Every live rule of security groups, and taking away those that somebody added; through the AWS provider itself.

The provider finds credentials as the rest of the work does (sign-on, profiles, roles of machines), speaks to the same
region and refuses another account, so nothing else has to know AWS. It reads rules as data of a configuration that
makes nothing; and to take rules away by their ids, it is given them to import and then to destroy. Both work in a
folder of their own, with a state that is thrown away: whatever ends them, a rule is there or it is not.

Source: Terraform Registry, AWS provider 5.100.0: data sources ``aws_vpc_security_group_rules`` and
``aws_vpc_security_group_rule``, resources ``aws_vpc_security_group_ingress_rule`` and ``…_egress_rule`` (import by the
rule's id); Amazon EC2 API, ``DescribeSecurityGroupRules`` and ``RevokeSecurityGroupIngress``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telamon.errors import NotReadyError, brief
from telamon.infra.canonical import read_object
from telamon.infra.drift import LiveRule
from telamon.platforms.approval.files import write_private
from telamon.platforms.terraform.applying import Applying
from telamon.platforms.terraform.runner import Terraform

SETTINGS: Final = "terraform.tf.json"
PEERS: Final = ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id")
EVERY_PORT: Final = -1


@dataclass(frozen=True)
class Rules:
    """The rules of one account and region.

    Attributes:
        terraform: the program.
        settings: folder of a layer, whose provider is used.
    """

    terraform: Terraform
    settings: Path

    def of(self, groups: Iterable[str]) -> tuple[LiveRule, ...]:
        """Every rule of some groups, as it is now.

        Args:
            groups: their ids.

        Raises:
            TelamonError: AWS does not answer, or not to these credentials.
        """
        wanted = sorted(groups)
        if not wanted:
            return ()
        # Groups without any rule have no list of them.
        ids = "data.aws_vpc_security_group_rules.all.ids"
        content = {
            "data": {
                "aws_vpc_security_group_rules": {"all": {"filter": [{"name": "group-id", "values": wanted}]}},
                "aws_vpc_security_group_rule": {
                    "each": {
                        "for_each": f"${{toset({ids} == null ? [] : {ids})}}",
                        "security_group_rule_id": "${each.value}",
                    }
                },
            },
            "output": {"rules": {"value": "${values(data.aws_vpc_security_group_rule.each)}"}},
        }
        with self._apart(content) as folder:
            out = folder / "tfplan"
            self.terraform.plan(folder, out=out)
            plan = read_object(self.terraform.show(folder, plan=out), what="the rules")
        found = plan["planned_values"]["outputs"]["rules"].get("value", ())
        return tuple(map(_rule, found))

    def remove(self, rules: Sequence[LiveRule]) -> None:
        """Take rules away by their ids.

        Args:
            rules: as :meth:`of` gave them.

        Raises:
            TelamonError: AWS refuses; run it again, and what is gone stays gone.
        """
        resources: dict[str, dict[str, Any]] = {}
        imports: list[Mapping[str, str]] = []
        for rule in rules:
            kind = f"aws_vpc_security_group_{'egress' if rule.egress else 'ingress'}_rule"
            name = rule.id.replace("-", "_")
            resources.setdefault(kind, {})[name] = _body(rule)
            imports.append({"to": f"{kind}.{name}", "id": rule.id})
        with self._apart({"resource": resources, "import": imports}) as folder:
            out = folder / "tfplan"
            self.terraform.plan(folder, out=out)
            self.terraform.apply(folder, plan=out, record=Applying(folder), tell=_silent)
            self.terraform.destroy(folder)

    @contextmanager
    def _apart(self, content: Mapping[str, Any]) -> Iterator[Path]:
        """A configuration in a folder of its own, ready to be used."""
        settings = self._provider()
        with tempfile.TemporaryDirectory(prefix="telamon-rules-") as private:
            folder = Path(private)
            write_private(folder / "main.tf.json", json.dumps(settings | dict(content)).encode())
            self.terraform.init(folder)
            yield folder

    def _provider(self) -> dict[str, Any]:
        path = self.settings / SETTINGS
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            first = dict(found["provider"]["aws"][0])
            required = found["terraform"]["required_providers"]
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise NotReadyError(
                f"{path} cannot be read: {brief(error)}",
                remedy="Write it: telamon render FILE --terraform --output DIR.",
            ) from error
        # What is read and removed here is nobody's of ours: it gets no tags.
        first.pop("default_tags", None)
        return {"terraform": {"required_providers": required}, "provider": {"aws": [first]}}


def _rule(found: Mapping[str, Any]) -> LiveRule:
    return LiveRule(
        id=str(found["security_group_rule_id"]),
        group=str(found["security_group_id"]),
        egress=bool(found["is_egress"]),
        protocol=str(found["ip_protocol"]),
        from_port=_port(found.get("from_port")),
        to_port=_port(found.get("to_port")),
        peer=next((str(found[name]) for name in PEERS if found.get(name)), "nothing"),
        description=str(found.get("description") or ""),
    )


def _port(found: Any) -> int:
    return int(found) if isinstance(found, int) else EVERY_PORT


def _body(rule: LiveRule) -> dict[str, Any]:
    body: dict[str, Any] = {"security_group_id": rule.group, "ip_protocol": rule.protocol}
    body[_peer_kind(rule.peer)] = rule.peer
    if rule.protocol != "-1":
        body |= {"from_port": rule.from_port, "to_port": rule.to_port}
    if rule.description:
        body["description"] = rule.description
    return body


def _peer_kind(peer: str) -> str:
    if peer.startswith("pl-"):
        return "prefix_list_id"
    if "/" in peer and "sg-" not in peer:
        return "cidr_ipv6" if ":" in peer else "cidr_ipv4"
    return "referenced_security_group_id"


def _silent(_sentence: str) -> None:
    """The rules are told by whoever asked."""
