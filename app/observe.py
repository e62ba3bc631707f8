"""What is worth noticing: one function a happening; where it is logged or counted is decided here alone."""

import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Counted(Protocol):
    """What counts its hits and misses."""

    hits: int
    misses: int


class Ran(Protocol):
    """A job, and when it last ended and failed."""

    @property
    def name(self) -> str: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def failed_at(self) -> datetime | None: ...


class Standing(Protocol):
    """The state of the store; watermarks in microseconds since 1970, sizes in bytes."""

    @property
    def watermarks(self) -> Mapping[str, int]: ...
    @property
    def sizes(self) -> Mapping[str, int]: ...
    @property
    def notes(self) -> int: ...
    @property
    def chunks(self) -> int: ...
    @property
    def compressed(self) -> int: ...
    @property
    def jobs(self) -> Sequence[Ran]: ...


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
        self._notes = Gauge("linegraph_pending_notes", "Spans noted and not yet refreshed", registry=self.registry)
        self._bytes = Gauge("linegraph_store_bytes", "Bytes on disk, with indexes", ["part"], registry=self.registry)
        self._chunks = Gauge("linegraph_chunks", "Chunks of readings", ["form"], registry=self.registry)
        self._jobs = Gauge("linegraph_job_time", "Seconds since 1970", ["job", "outcome"], registry=self.registry)
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

    def cut_off(self, kind: str, error: BaseException) -> None:
        """An answer ended half way; who asked notices that its end is missing."""
        self._failures.labels(kind).inc()
        log.warning("an answer was cut off", answer=kind, error=str(error))

    def left_undone(self, job: str, error: str) -> None:
        """A part of a job failed, is tried again at the next turn, and stopped nothing else."""
        self._failures.labels(job).inc()
        log.error("a part of a job failed and will be tried again", job=job, error=error)

    def stands(self, state: Standing, now: datetime) -> None:
        """The state of the store, as `linegraph status` shows it."""
        for tier, watermark in state.watermarks.items():
            self._lag.labels(tier).set(now.timestamp() - watermark / 1e6)
        for part, size in state.sizes.items():
            self._bytes.labels(part).set(size)
        self._notes.set(state.notes)
        self._chunks.labels("rows").set(state.chunks - state.compressed)
        self._chunks.labels("columns").set(state.compressed)
        for job in state.jobs:
            for outcome, at in (("ended", job.ended_at), ("failed", job.failed_at)):
                if at is not None:
                    self._jobs.labels(job.name, outcome).set(at.timestamp())

    def watch_documents(self, cache: Counted) -> None:
        """The cache of parsed and validated queries tells its hits and misses when it is asked."""
        for outcome in ("hits", "misses"):
            self._cache.labels(outcome).set_function(partial(getattr, cache, outcome))

    def metrics(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
