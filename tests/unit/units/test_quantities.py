"""Quantities: what is read, how it prints, and how a refusal helps."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from telamon.errors import TelamonError
from telamon.units import Bytes, Cpu, Duration, UnitError

LARGEST = 2**63 - 1


class Sample(BaseModel):
    memory: Bytes | None = None
    cpu: Cpu | None = None
    wait: Duration | None = None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2Gi", 2 * 2**30),
        ("512Mi", 512 * 2**20),
        ("1G", 10**9),
        ("1.5Gi", 3 * 2**29),
        ("1000", 1000),
        ("0", 0),
    ],
)
def test_bytes_are_read(text: str, count: int) -> None:
    assert Bytes.parse(text) == Bytes(count)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("15m", 900_000),
        ("500ms", 500),
        ("2h30m", 9_000_000),
        ("30d", 2_592_000_000),
        ("1.5s", 1500),
        ("0s", 0),
    ],
)
def test_durations_are_read(text: str, milliseconds: int) -> None:
    assert Duration.parse(text) == Duration(milliseconds)


@pytest.mark.parametrize(("text", "millicores"), [("500m", 500), ("2", 2000), ("0.5", 500), ("1500m", 1500)])
def test_cpu_amounts_are_read(text: str, millicores: int) -> None:
    assert Cpu.parse(text) == Cpu(millicores)


@pytest.mark.parametrize(
    ("kind", "text", "hint"),
    [
        (Bytes, "2GB", '"2Gi"'),
        (Bytes, "2GiB", '"2Gi"'),
        (Bytes, "2gi", '"2Gi"'),
        (Bytes, "512 Mi", '"512Mi"'),
        (Bytes, "512m", '"512Mi"'),
        (Bytes, "-2Gi", '"2Gi"'),
        (Bytes, "0.3", "one byte"),
        (Bytes, "9999999999P", "Check the unit"),
        (Bytes, "", '"2Gi"'),
        (Duration, "15min", '"15m"'),
        (Duration, "30", '"30s"'),
        (Duration, "2 hours", '"2h"'),
        (Duration, "30m2h", "larger unit first"),
        (Duration, "2h3h", "larger unit first"),
        (Duration, "0.5ms", "one millisecond"),
        (Duration, "soon", '"15m"'),
        (Cpu, "2 cores", '"2cores"'),
        (Cpu, "2cores", '"2"'),
        (Cpu, "500M", '"500m"'),
        (Cpu, "0.5m", "thousandth"),
        (Cpu, "0.0001", "thousandth"),
        (Cpu, "٢", '"500m"'),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_form_that_was_meant(
    kind: type[Bytes] | type[Duration] | type[Cpu], text: str, hint: str
) -> None:
    with pytest.raises(UnitError) as caught:
        kind.parse(text)
    assert caught.value.remedy is not None
    assert hint in caught.value.remedy


def test_a_bare_number_is_refused_where_the_unit_matters() -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"memory": 2, "wait": 30})
    assert [error["type"] for error in caught.value.errors()] == ["unit", "unit"]
    assert "has no unit" in caught.value.errors()[0]["msg"]


def test_cores_may_be_a_plain_number() -> None:
    assert Sample.model_validate({"cpu": 2}).cpu == Cpu(2000)
    assert Sample.model_validate({"cpu": 0.25}).cpu == Cpu(250)


@pytest.mark.parametrize("value", [True, -1, 1e-7, float("nan"), float("inf"), [], None])
def test_other_values_are_not_cores(value: object) -> None:
    with pytest.raises(UnitError):
        Cpu.read(value)


def test_a_unit_error_belongs_to_the_tree_and_keeps_its_remedy() -> None:
    with pytest.raises(TelamonError) as caught:
        Duration.parse("5 x")
    assert caught.value.exit_code == 2


def test_models_print_quantities_in_json_and_keep_them_in_python() -> None:
    sample = Sample(memory=Bytes.parse("2048Mi"), cpu=Cpu(1500), wait=Duration(90_000))
    assert sample.model_dump(mode="json") == {"memory": "2Gi", "cpu": "1500m", "wait": "1m30s"}
    assert sample.model_dump()["memory"] == Bytes(2**31)
    assert Sample.model_validate_json(sample.model_dump_json()) == sample


@given(st.integers(0, LARGEST))
def test_every_amount_of_bytes_reads_back_from_its_print(count: int) -> None:
    assert Bytes.parse(str(Bytes(count))) == Bytes(count)


@given(st.integers(0, LARGEST))
def test_every_duration_reads_back_from_its_print(milliseconds: int) -> None:
    assert Duration.parse(str(Duration(milliseconds))) == Duration(milliseconds)


@given(st.integers(0, LARGEST // 1000))
def test_every_cpu_amount_reads_back_from_its_print(millicores: int) -> None:
    assert Cpu.parse(str(Cpu(millicores))) == Cpu(millicores)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (Bytes, Duration, Cpu):
        with contextlib.suppress(UnitError):
            value = kind.parse(text)
            assert kind.parse(str(value)) == value


@given(st.integers(0, 10**6), st.sampled_from(["Ki", "Mi", "Gi"]))
def test_equal_amounts_are_equal_however_they_are_written(number: int, unit: str) -> None:
    smaller = {"Ki": "", "Mi": "Ki", "Gi": "Mi"}[unit]
    assert Bytes.parse(f"{number}{unit}") == Bytes.parse(f"{number * 1024}{smaller}")
