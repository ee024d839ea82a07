"""Kinds of text that have a form: names, domains, paths, URLs, versions.

Each kind is an annotated ``str``. It refuses with a sentence and a remedy instead of a regular expression, and gives
the expression to the JSON schema, so that editors refuse the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic_core import PydanticCustomError, core_schema

from telamon import naming

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


@dataclass(frozen=True)
class Matching:
    """Text that must match a pattern as a whole.

    Attributes:
        what: what such a text is, with its article: "a version".
        example: one that is right; it stands in refusals and in the schema.
        pattern: regular expression, matched against the whole text.
        longest: most characters.
    """

    what: str
    example: str
    pattern: str
    longest: int = 253

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def check(value: str) -> str:
            if len(value) <= self.longest and re.fullmatch(self.pattern, value, re.ASCII):
                return value
            raise _refusal(self.what, self.example, value, fault=f"is not {self.what}")

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {
            "pattern": f"^(?:{self.pattern})$",
            "maxLength": self.longest,
            "examples": [self.example],
        }


@dataclass(frozen=True)
class Named:
    """Text that :mod:`telamon.naming` must agree to.

    Attributes:
        what: what such a text is, with its article.
        example: one that is right.
        longest: most characters.
        fault: says what is wrong with a text, ``None`` where nothing is.
    """

    what: str
    example: str
    longest: int = naming.MAX_LABEL
    fault: Callable[..., str | None] = naming.name_fault

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def check(value: str) -> str:
            fault = self.fault(value, longest=self.longest)
            if fault is None:
                return value
            raise _refusal(self.what, self.example, value, fault=fault)

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        dotted = self.fault is naming.domain_fault
        return handler(schema) | {
            "pattern": r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$" if dotted else r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
            "maxLength": self.longest,
            "examples": [self.example],
        }


def _refusal(what: str, example: str, value: str, *, fault: str) -> PydanticCustomError:
    shown = value if len(value) <= 60 else f"{value[:59]}…"
    return PydanticCustomError(
        "form",
        "{message}",
        {"message": f'"{shown}" {fault}', "remedy": f"Write {what}, e.g. {example}."},
    )


Name = Annotated[str, Named("a name", "primary")]
Domain = Annotated[
    str, Named("a domain", "acme.example", longest=naming.MAX_DOMAIN, fault=naming.domain_fault)
]
Host = Annotated[str, Named("a host name", "db.acme.example", longest=253, fault=naming.domain_fault)]
ObjectName = Annotated[
    str, Named("the name of an object", "acme-license", longest=253, fault=naming.domain_fault)
]
Version = Annotated[str, Matching("a version", "11.3.1", r"[0-9A-Za-z_][0-9A-Za-z_.-]*", 128)]
Word = Annotated[str, Matching("a single word", "standard", r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", 63)]
SecretKey = Annotated[str, Matching("a key of a secret", "license", r"[A-Za-z0-9._-]+")]
EnvironmentName = Annotated[
    str, Matching("the name of an environment variable", "JAVA_OPTS", r"[A-Za-z_][A-Za-z0-9_]*")
]
PropertyName = Annotated[str, Matching("the name of a property", "mail.from", r"[A-Za-z0-9][A-Za-z0-9._-]*")]
LabelKey = Annotated[
    str,
    Matching(
        "the key of a label",
        "acme.example/team",
        r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
        317,
    ),
]
LabelValue = Annotated[
    str, Matching("the value of a label", "platform", r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", 63)
]
AbsolutePath = Annotated[
    str, Matching("an absolute path", "/var/data", r"/(?:(?!\.\.?(?:/|$))[^/\0\n]+(?:/|$))*", 1024)
]
RelativePath = Annotated[
    str, Matching("a relative path", "caches/index", r"(?!/)(?:(?!\.\.?(?:/|$))[^/\0\n]+(?:/|$))+", 1024)
]
ContextPath = Annotated[str, Matching("a context path", "/wiki", r"(/[A-Za-z0-9][A-Za-z0-9._~-]*)*", 128)]
UrlPath = Annotated[str, Matching("the path of a URL", "/status", r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", 1024)]
HttpUrl = Annotated[
    str,
    Matching(
        "a URL without a slash at its end",
        "https://wiki.acme.example",
        r"https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~%-]+)*",
        1024,
    ),
]
JvmArgument = Annotated[str, Matching("an option of the JVM", "-Dkey=value", r"-[^\s\0].*", 4096)]
ImageReference = Annotated[
    str,
    Matching(
        "an image",
        "registry.acme.example/tools/exporter:1.2",
        r"[a-z0-9]+([._-][a-z0-9]+)*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
        r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?",
        512,
    ),
]
Cidr = Annotated[
    str,
    Matching(
        "an IPv4 network",
        "10.0.0.0/16",
        r"((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])/(3[0-2]|[12]?[0-9])",
        18,
    ),
]
BucketName = Annotated[
    str, Matching("the name of a bucket", "acme-backup", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", 63)
]
HeaderToken = Annotated[str, Matching("the name of a cookie", "ROUTE", r"[A-Za-z0-9_-]+", 64)]
"""A cookie's name: a token of RFC 6265, without the marks that need care in logs and configuration."""
