"""Numbers about this worker for Prometheus: requests, refusals, how long they took. No secrets, no ids, no accounts.

In: what was answered. Out: text in the exposition format 0.0.4. Next: `door.py` serves it at /metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
NS_PER_S = 1_000_000_000
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One per worker; counts since its start."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], int] = {}
        self._refusals: dict[tuple[str, str], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def answered(self, edge: str, status: int, took_ns: int) -> None:
        """One request of an edge (native, alibaba) has its answer."""
        answers = self._answers
        answers[edge, status] = answers.get((edge, status), 0) + 1
        took_s = took_ns / NS_PER_S
        buckets = self._buckets.get(edge)
        if buckets is None:
            buckets = self._buckets[edge] = [0] * (len(BUCKETS_S) + 1)
        buckets[bisect_left(BUCKETS_S, took_s)] += 1
        self._sums[edge] = self._sums.get(edge, 0.0) + took_s

    def refused(self, edge: str, reason: str) -> None:
        """Somebody was sent away: token, rate, body, signature, replay, slow, ..."""
        self._refusals[edge, reason] = self._refusals.get((edge, reason), 0) + 1

    def text(self, gauges: Mapping[str, float]) -> str:
        """All of it; `gauges`: what is true just now, by name."""
        lines = ["# TYPE twinspan_requests_total counter"]
        for (edge, status), count in sorted(self._answers.items()):
            lines.append(f'twinspan_requests_total{{edge="{edge}",status="{status}"}} {count}')
        lines.append("# TYPE twinspan_refused_total counter")
        for (edge, reason), count in sorted(self._refusals.items()):
            lines.append(f'twinspan_refused_total{{edge="{edge}",reason="{reason}"}} {count}')
        lines.append("# TYPE twinspan_request_seconds histogram")
        for edge, buckets in sorted(self._buckets.items()):
            lines += self._histogram(edge, buckets)
        for name, value in sorted(gauges.items()):
            lines += [f"# TYPE twinspan_{name} gauge", f"twinspan_{name} {value:g}"]
        return "\n".join(lines) + "\n"

    def _histogram(self, edge: str, buckets: list[int]) -> list[str]:
        lines, total = [], 0
        for limit, count in zip((*map(str, BUCKETS_S), "+Inf"), buckets, strict=True):
            total += count
            lines.append(f'twinspan_request_seconds_bucket{{edge="{edge}",le="{limit}"}} {total}')
        lines.append(f'twinspan_request_seconds_sum{{edge="{edge}"}} {self._sums[edge]:.6f}')
        lines.append(f'twinspan_request_seconds_count{{edge="{edge}"}} {total}')
        return lines
