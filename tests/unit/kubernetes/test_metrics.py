"""What the operator tells Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from telamon.platforms.kubernetes.metrics import Metrics


def samples(metrics: Metrics) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every series, as Prometheus itself reads them."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_stack_that_is_gone_leaves_no_series() -> None:
    metrics = Metrics()
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "members": [{"state": "Serving"}, {"state": "Serving"}, {"state": "Starting"}],
    }
    kept: dict[str, Mapping[str, Any]] = {"acme": status}
    metrics.watch(lambda: kept, depth=lambda: 3)
    found = samples(metrics)
    ready = {("stack", "acme"), ("condition", "Ready")}
    assert found["telamon_stack_status_condition", frozenset({*ready, ("status", "True")})] == 1
    assert found["telamon_stack_status_condition", frozenset({*ready, ("status", "False")})] == 0
    assert found["telamon_stack_members", frozenset({("stack", "acme"), ("state", "Serving")})] == 2
    assert found["workqueue_depth", frozenset({("name", "stacks")})] == 3
    kept.clear()
    assert not [name for name, _ in samples(metrics) if name.startswith("telamon_stack")]


def test_answers_are_counted_by_what_came_of_them() -> None:
    metrics = Metrics()
    metrics.asked("GET", 200)
    metrics.asked("GET", 200)
    metrics.asked("PATCH", 0)
    metrics.judged("Stack", allowed=False)
    metrics.judged("Whatever/somebody sends", allowed=True)
    metrics.looked(failed=True)
    found = samples(metrics)
    assert found["rest_client_requests_total", frozenset({("method", "GET"), ("code", "200")})] == 2
    assert found["rest_client_requests_total", frozenset({("method", "PATCH"), ("code", "<error>")})] == 1
    reviews = {labels: value for (name, labels), value in found.items() if name.endswith("reviews_total")}
    assert reviews == {
        frozenset({("kind", "Stack"), ("allowed", "false")}): 1,
        frozenset({("kind", "other"), ("allowed", "true")}): 1,
    }
    assert found["telamon_reconcile_total", frozenset({("result", "error")})] == 1
