"""What the operator of a cluster counts, for Prometheus.

Names that others use already are used for the same things here. Labels are bounded by what there is: verbs, codes, and
Stacks, of which one that is gone has no series any more.

Sources: Prometheus, "Metric and label naming", "Writing exporters"; client-go, ``tools/metrics``
(``rest_client_requests_total``, ``leader_election_master_status``) and ``util/workqueue`` (``workqueue_depth``);
kube-state-metrics (conditions as a series for each status).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds of a look: it takes a few requests, each of a few milliseconds where nothing is wrong."""
STATUSES: Final = ("True", "False", "Unknown")
JUDGED: Final = frozenset({"Stack", "Operation"})
Statuses = Callable[[], Mapping[str, Mapping[str, Any]]]


class Metrics:
    """Counts, and tells.

    Attributes:
        registry: what is told.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "rest_client_requests",
            "Requests to the API server, by method and HTTP status.",
            ("method", "code"),
            registry=self.registry,
        )
        self._looks = Counter(
            "telamon_reconcile",
            "Looks at a Stack or its operations, by what came of them.",
            ("result",),
            registry=self.registry,
        )
        self._durations = Histogram(
            "telamon_reconcile_duration_seconds",
            "How long such a look takes.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._passes = Counter(
            "telamon_passes",
            "Passes over a component: observe, decide, act.",
            registry=self.registry,
        )
        self._reviews = Counter(
            "telamon_admission_reviews",
            "Answers to questions for admission.",
            ("kind", "allowed"),
            registry=self.registry,
        )
        self._leads = Gauge(
            "leader_election_master_status",
            "1 for the process that acts.",
            ("name",),
            registry=self.registry,
        )
        self._depth = Gauge("workqueue_depth", "Looks that wait.", ("name",), registry=self.registry)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def asked(self, method: str, code: int) -> None:
        """The API server has answered.

        Args:
            method: of the request.
            code: HTTP status; 0 where there was no answer.
        """
        self._requests.labels(method, str(code) if code else "<error>").inc()

    @contextmanager
    def look(self) -> Iterator[None]:
        """Measure a look until the block ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._durations.observe(time.monotonic() - began)

    def looked(self, *, failed: bool) -> None:
        """A look is over.

        Args:
            failed: whether it is tried again.
        """
        self._looks.labels("error" if failed else "success").inc()

    def passed(self) -> None:
        """A pass over a component is over."""
        self._passes.inc()

    def judged(self, kind: str, *, allowed: bool) -> None:
        """A question for admission was answered.

        Args:
            kind: of the object.
            allowed: whether it was let through.
        """
        known = kind if kind in JUDGED else "other"
        self._reviews.labels(known, "true" if allowed else "false").inc()

    def leads(self, name: str, *, leading: bool) -> None:
        """Say whether this process acts.

        Args:
            name: of the lease.
            leading: whether it holds it.
        """
        self._leads.labels(name).set(int(leading))

    def watch(self, statuses: Statuses, *, depth: Callable[[], int]) -> None:
        """Tell of Stacks from now on.

        Args:
            statuses: the status of each Stack that is kept, by its name.
            depth: tells how many looks wait.
        """
        self._depth.labels("stacks").set_function(depth)
        self.registry.register(_Stacks(statuses))


class _Stacks(Collector):
    """Series of Stacks, made when somebody asks: one that is gone leaves none behind."""

    def __init__(self, statuses: Statuses) -> None:
        self._statuses = statuses

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: what there is depends on the Stacks."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Conditions and members."""
        conditions = GaugeMetricFamily(
            "telamon_stack_status_condition",
            "1 for the status that a condition of a Stack has.",
            labels=("stack", "condition", "status"),
        )
        members = GaugeMetricFamily(
            "telamon_stack_members", "Members of a Stack, by how they stand.", labels=("stack", "state")
        )
        for stack, status in sorted(self._statuses().items()):
            for condition in status.get("conditions") or ():
                for value in STATUSES:
                    so = float(condition.get("status") == value)
                    conditions.add_metric((stack, str(condition.get("type")), value), so)
            states = [str(member.get("state")) for member in status.get("members") or ()]
            for state in sorted(set(states)):
                members.add_metric((stack, state), float(states.count(state)))
        yield conditions
        yield members
