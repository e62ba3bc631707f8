"""What is worth noticing: one function a happening; where it is logged or counted is decided here alone."""

import logging
import sys
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Counted(Protocol):
    """What counts its hits and misses."""

    hits: int
    misses: int


log = structlog.get_logger("linegraph")


def start_logging(level: str) -> None:
    """Lines of key=value on standard error; standard output belongs to the commands' answers."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class Observer:
    """The counters and gauges of one running service, and its log; safe to share, cheap to call."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._stored = Counter("linegraph_readings_stored", "Readings committed", registry=self.registry)
        self._repeated = Counter("linegraph_readings_repeated", "Readings already stored alike", registry=self.registry)
        self._refused = Counter("linegraph_readings_refused", "Pieces of input refused", registry=self.registry)
        self._commit = Histogram("linegraph_commit_seconds", "Time of one commit", registry=self.registry)
        self._busy = Counter("linegraph_busy", "Requests told to come back later", registry=self.registry)
        self._failures = Counter("linegraph_failures", "Work that failed, by kind", ["kind"], registry=self.registry)
        self._lag = Gauge("linegraph_tier_lag_seconds", "Now less the watermark", ["tier"], registry=self.registry)
        self._cache = Gauge(
            "linegraph_query_cache", "Documents found parsed, or not", ["outcome"], registry=self.registry
        )

    def committed(self, stored: int, repeated: int, seconds: float) -> None:
        self._stored.inc(stored)
        self._repeated.inc(repeated)
        self._commit.observe(seconds)

    def refused(self, count: int) -> None:
        self._refused.inc(count)

    def busy(self, reason: str) -> None:
        self._busy.inc()
        log.warning("busy", reason=reason)

    def failed(self, kind: str, error: BaseException, **context: object) -> None:
        """Something went wrong that its asker cannot mend."""
        self._failures.labels(kind).inc()
        log.error(f"{kind} failed", error=str(error), exc_info=error, **context)

    def store_lost(self, kind: str, error: BaseException) -> None:
        """The database went away: expected now and then, so without a traceback."""
        self._failures.labels(kind).inc()
        log.warning("the database is not available", during=kind, error=str(error))

    def refreshed(self, spans: int, errors: Sequence[str], seconds: float) -> None:
        """One turn over the tiers; spans that failed are read from raw rows until a later turn succeeds."""
        log.debug("refreshed", spans=spans, seconds=round(seconds, 3))
        for error in errors:
            self._failures.labels("refresh").inc()
            log.error("a span of the tiers cannot be refreshed and is read from raw rows meanwhile", span=error)

    def lagging(self, tier: str, seconds: float) -> None:
        self._lag.labels(tier).set(seconds)

    def watch_documents(self, cache: Counted) -> None:
        """The cache of parsed and validated queries tells its hits and misses when it is asked."""
        for outcome in ("hits", "misses"):
            self._cache.labels(outcome).set_function(partial(getattr, cache, outcome))

    def metrics(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
