"""The only reader and printer of quantities: ``2Gi``, ``15m``, ``500m`` of a core.

Each type is a small frozen value over one whole number, so that equal amounts are equal, add up exactly and print in
one way whatever they were written as. ``str()`` gives the shortest exact form, and ``parse`` reads it back.

Traps this module exists for:
    * ``m`` is minutes in a duration and thousandths in a CPU amount; ``M`` is megabytes, ``Mi`` mebibytes.
    * ``2GB`` is no unit of Kubernetes: it is refused with the nearest unit that is, never guessed.
    * A bare ``2`` for memory would be two bytes, and a bare ``30`` for a time says nothing: both are refused in a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic_core import PydanticCustomError, core_schema

from telamon.errors import UsageError

if TYPE_CHECKING:
    from typing import Self

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


class UnitError(UsageError, ValueError):
    """A quantity cannot be read. The remedy names the form that was probably meant."""


_NUMBER: Final = re.compile(r"(?P<number>[0-9]{1,19}(?:\.[0-9]{1,9})?)\s*(?P<unit>[A-Za-z]*)")
_DURATION_PART: Final = re.compile(r"(?P<number>[0-9]{1,19}(?:\.[0-9]{1,9})?)(?P<unit>ms|d|h|m|s)")

_BYTE_UNITS: Final[Mapping[str, int]] = {
    "": 1,
    "k": 10**3,
    "Ki": 2**10,
    "M": 10**6,
    "Mi": 2**20,
    "G": 10**9,
    "Gi": 2**30,
    "T": 10**12,
    "Ti": 2**40,
    "P": 10**15,
    "Pi": 2**50,
}
_DURATION_UNITS: Final[Mapping[str, int]] = {
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_DURATION_WORDS: Final[Mapping[str, str]] = {
    "day": "d",
    "days": "d",
    "h": "h",
    "hr": "h",
    "hrs": "h",
    "hour": "h",
    "hours": "h",
    "m": "m",
    "min": "m",
    "mins": "m",
    "minute": "m",
    "minutes": "m",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "": "s",
    "d": "d",
    "ms": "ms",
    "msec": "ms",
    "millisecond": "ms",
    "milliseconds": "ms",
}
_LARGEST: Final = 2**63 - 1
"""What Kubernetes and Go keep in a signed 64-bit number; a larger amount is a slip of the pen."""


class _Quantity:
    """What the three types share: how pydantic reads one out of a file and what the JSON schema says of it."""

    __slots__ = ()

    what: ClassVar[str]
    pattern: ClassVar[str]
    example: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a quantity from text."""
        raise NotImplementedError

    @classmethod
    def read(cls, value: object) -> Self:
        """Read a quantity as a file or a caller gives it.

        Args:
            value: text, or a value of this type already.

        Raises:
            UnitError: it is neither, or cannot be read.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return cls._read_number(value)
        raise UnitError(f"this is not {cls.what}", remedy=f'Write it as text, e.g. "{cls.example}".')

    @classmethod
    def _read_number(cls, value: float) -> Self:
        raise UnitError(
            f"{value} has no unit, so it is not {cls.what}",
            remedy=f'Write the unit too, e.g. "{cls.example}".',
        )

    @classmethod
    def _validate(cls, value: object) -> Self:
        try:
            return cls.read(value)
        except UnitError as error:
            raise PydanticCustomError(
                "unit", "{message}", {"message": error.message, "remedy": error.remedy}
            ) from error

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema(when_used="json")
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": cls.pattern, "examples": [cls.example]}


@dataclass(frozen=True, order=True, slots=True)
class Bytes(_Quantity):
    """An amount of memory or disk.

    Attributes:
        count: bytes, 0 to 2**63 - 1.
    """

    count: int

    what: ClassVar[str] = "an amount of memory or disk"
    pattern: ClassVar[str] = r"^[0-9]+(\.[0-9]+)?(k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$"
    example: ClassVar[str] = "2Gi"

    @classmethod
    def parse(cls, text: str) -> Bytes:
        """Read an amount as Kubernetes writes it.

        Args:
            text: a number with one of k M G T P (powers of 1000) or Ki Mi Gi Ti Pi (powers of 1024), or bare bytes.

        Raises:
            UnitError: another unit, a fraction of a byte, a sign, or more than 2**63 - 1 bytes.
        """
        number, unit = _split(text, cls)
        if unit not in _BYTE_UNITS:
            raise UnitError(
                f'"{text}" is not {cls.what}: there is no unit "{unit}"',
                remedy=_did_you_mean(number, _nearest_byte_unit(unit)),
            )
        return cls(_whole(number * _BYTE_UNITS[unit], text, "byte"))

    def __str__(self) -> str:
        candidates = [
            (len(str(self.count // factor)) + len(unit), -factor, f"{self.count // factor}{unit}")
            for unit, factor in _BYTE_UNITS.items()
            if self.count % factor == 0 and (self.count or factor == 1)
        ]
        return min(candidates)[2]


@dataclass(frozen=True, order=True, slots=True)
class Duration(_Quantity):
    """A length of time.

    Attributes:
        milliseconds: 0 to 2**63 - 1.
    """

    milliseconds: int

    what: ClassVar[str] = "a length of time"
    pattern: ClassVar[str] = r"^([0-9]+(\.[0-9]+)?(ms|d|h|m|s))+$"
    example: ClassVar[str] = "15m"

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read a duration: one or more numbers with d, h, m, s or ms, the larger unit first.

        Args:
            text: e.g. ``500ms``, ``15m``, ``2h30m``, ``30d``.

        Raises:
            UnitError: another unit, none at all, units out of order or twice, or a fraction of a millisecond.
        """
        parts = [(part["number"], part["unit"]) for part in _DURATION_PART.finditer(text)]
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise UnitError(f'"{text}" is not {cls.what}', remedy=_duration_remedy(text))
        sizes = [_DURATION_UNITS[unit] for _, unit in parts]
        if sizes != sorted(set(sizes), reverse=True):
            raise UnitError(
                f'"{text}" has its units out of order, or one of them twice',
                remedy="Write the larger unit first, each once, e.g. 2h30m.",
            )
        total = sum((Fraction(number) * _DURATION_UNITS[unit] for number, unit in parts), Fraction())
        return cls(_whole(total, text, "millisecond"))

    @property
    def seconds(self) -> float:
        """The same length in seconds."""
        return self.milliseconds / 1000

    def __str__(self) -> str:
        rest = self.milliseconds
        written = ""
        for unit, factor in _DURATION_UNITS.items():
            count, rest = divmod(rest, factor)
            written += f"{count}{unit}" if count else ""
        return written or "0s"


@dataclass(frozen=True, order=True, slots=True)
class Cpu(_Quantity):
    """An amount of processor time per time.

    Attributes:
        millicores: thousandths of a core, 0 to 2**63 - 1.
    """

    millicores: int

    what: ClassVar[str] = "an amount of CPU"
    pattern: ClassVar[str] = r"^[0-9]+(\.[0-9]+)?m?$"
    example: ClassVar[str] = "500m"

    @classmethod
    def parse(cls, text: str) -> Cpu:
        """Read an amount of CPU: cores (``2``, ``0.5``) or thousandths of a core (``500m``).

        Raises:
            UnitError: another unit, or finer than a thousandth of a core.
        """
        number, unit = _split(text, cls)
        if unit not in {"", "m"}:
            cores = unit.lower() in {"core", "cores", "cpu", "cpus", "c", "vcpu", "vcpus"}
            raise UnitError(
                f'"{text}" is not {cls.what}: there is no unit "{unit}"',
                remedy=_did_you_mean(number, "" if cores else "m"),
            )
        return cls(_whole(number * (1 if unit else 1000), text, "thousandth of a core"))

    @classmethod
    def _read_number(cls, value: float) -> Cpu:
        # By way of Decimal, because a float prints small numbers with an exponent, which nobody means here.
        return cls.parse(format(Decimal(repr(value)), "f"))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "anyOf": [{"type": "string", "pattern": cls.pattern}, {"type": "number", "minimum": 0}],
            "examples": [cls.example],
        }

    @property
    def cores(self) -> float:
        """The same amount in cores."""
        return self.millicores / 1000

    def __str__(self) -> str:
        whole, rest = divmod(self.millicores, 1000)
        return f"{self.millicores}m" if rest else str(whole)


@dataclass(frozen=True)
class Within:
    """A bound for a quantity, to be put beside its type: ``Annotated[Bytes, Within("64Mi", "1Ti")]``.

    Attributes:
        low: smallest allowed value, in the quantity's own notation.
        high: largest allowed value.
    """

    low: str
    high: str

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        low, high = source.parse(self.low), source.parse(self.high)

        def check(value: Any) -> Any:
            if low <= value <= high:
                return value
            raise PydanticCustomError(
                "bound",
                "{message}",
                {
                    "message": f"{value} is outside the bounds {low} to {high}",
                    "remedy": f"Write a value from {low} to {high}.",
                },
            )

        return core_schema.no_info_after_validator_function(check, handler(source))


def _split(text: str, kind: type[_Quantity]) -> tuple[Fraction, str]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise UnitError(
            f'"{text[:40]}" is not {kind.what}', remedy=f'Write a number and a unit, e.g. "{kind.example}".'
        )
    if text != match["number"] + match["unit"]:
        raise UnitError(
            f'"{text[:40]}" has a space in it', remedy=f'Did you mean "{match["number"]}{match["unit"]}"?'
        )
    return Fraction(match["number"]), match["unit"]


def _whole(amount: Fraction, text: str, smallest: str) -> int:
    if amount.denominator != 1:
        raise UnitError(
            f'"{text}" is not a whole number of units', remedy=f"The smallest step is one {smallest}."
        )
    if amount.numerator > _LARGEST:
        raise UnitError(f'"{text}" is larger than any machine has', remedy="Check the unit.")
    return amount.numerator


def _did_you_mean(number: Fraction, unit: str) -> str:
    shown = str(number.numerator) if number.denominator == 1 else format(float(number), "g")
    return f'Did you mean "{shown}{unit}"?'


def _nearest_byte_unit(unit: str) -> str:
    # "GB", "gb", "GiB", "gi" and "g" all come from people who think of the memory of a machine: binary units.
    letter = unit[:1].upper()
    return f"{letter}i" if letter in {"K", "M", "G", "T", "P"} else "Mi"


def _duration_remedy(text: str) -> str:
    match = _NUMBER.fullmatch(text.strip())
    unit = None if match is None else _DURATION_WORDS.get(match["unit"].lower())
    if match is None or unit is None:
        return 'Write numbers with d, h, m, s or ms, e.g. "15m" or "2h30m".'
    return _did_you_mean(Fraction(match["number"]), unit)
