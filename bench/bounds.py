"""What must hold, and how much is measured to find out."""

from dataclasses import dataclass
from typing import Final

PLAIN_SHARE: Final = 0.5
"""What plain PostgreSQL has to reach of the rates, and of the shares of rates, that TimescaleDB must reach."""
LEAST_INGEST: Final = 0.6
"""Of the rate of a plain COPY of the same rows."""
LEAST_READINGS: Final = 150_000
"""Readings a second, over HTTP."""
LEAST_FRESH: Final = 0.8
"""Of the rate of ingest alone, where tiers are kept fresh and pages are asked for."""
LEAST_OUTAGE: Final = 0.6
"""Of the rate of ingest alone, where a gateway delivers late and readings are repeated."""
MOST_SMALL_WRITER: Final = 0.25
"""Seconds in which 99 of 100 small writers are answered."""
LEAST_IMPORT: Final = 100_000
"""Readings a second of a CSV file, by the command, tiers included."""
MOST_IMPORT_GROWTH: Final = 20.0
"""Megabytes that ten times as many rows may add to the memory of an import."""
MOST_BYTES: Final = 16.0
"""On disk, for a reading with all that is kept of it, whose values have all the digits of double precision."""
MOST_BYTES_OF_TWO_DECIMALS: Final = 10.0
LEAST_LIVE: Final = 49_500
"""Readings a second that come in while buckets are looked at: what is sent, but for a hundredth."""
MOST_UNSEEN: Final = 1.0
"""Seconds from a commit to the bucket that has it."""
MOST_GROWN: Final = 1.3
"""How many times as long a query may take with a hundred times as many readings."""
MOST_INTAKE_MEMORY: Final = 400.0
"""Megabytes that a service has held at most, whatever came in."""
LEAST_MACHINE_PAGE: Final = 0.8
"""Of the rate of a bare route that answers the same numbers."""
LEAST_PLANT_PAGE: Final = 0.7
LEAST_CURVES: Final = 0.7
MOST_CURVES: Final = 0.15
"""Seconds for the curves of a year of ten series, at one client."""
MOST_SMALL: Final = 0.003
"""Seconds in the service, without its statements, for a small query."""
LEAST_KNOWN: Final = 0.75
"""Of small queries that are written in steps, and run some times each: found parsed and validated."""
MOST_PAGES_MEMORY: Final = 400.0
"""Megabytes that a service has held at most while pages, curves and a million buckets were asked for."""
MOST_MEMORY: Final = 250.0
"""Megabytes (10^6 bytes) that the service has held at most after one million readings."""
MOST_GROWTH: Final = 10.0
"""Megabytes that the second million may add."""
MOST_DIFFERENT: Final = 0
"""Buckets that may differ from plain Python."""
MOST_DAYS: Final = 0.15
"""Seconds for the days of a year of 100 series."""
MOST_INCREASES: Final = 0.2
"""Seconds for the daily increases of a year of 100 counters."""
MOST_MONTHS: Final = 0.1
"""Seconds for the months of a year of 100 series."""
MOST_KPI: Final = 0.2
"""Seconds for a KPI by days over a month, of 200 machines."""
LEAST_CSV: Final = 200_000
"""Readings a second that are exported as CSV."""
LEAST_ARROW: Final = 500_000
MOST_EXPORT_MEMORY: Final = 300.0
"""Megabytes that the service has held at most after an export, however long."""

CONNECTIONS: Final = 4
YEAR_RUNS: Final = 7
RUNS: Final = 3


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: readings of one ingest run, seconds of one run of requests, machines with a history,
    days of the messy plant, readings and faults of the fault run."""

    ingest_seconds: int
    """Of event time: each second holds one reading of every series."""
    fresh_seconds: int
    """As above, of readings that the tiers must take in."""
    outage_interval: int
    """Seconds between the readings of a series, before, in and after an outage."""
    writer_seconds: int
    import_rows: int
    disk_hours: int
    """Of the demo's signals, a reading a second."""
    live_seconds: int
    growth_interval: int
    """Seconds between readings: decides how many there are in the same time."""
    page_seconds: float
    history_machines: int
    mess_days: float
    fault_readings: int
    faults: int
    export_seconds: int
    """Of event time, as above."""
    year_days: int


FULL: Final = Extent(
    ingest_seconds=1_000,
    fresh_seconds=4_000,
    outage_interval=10,
    writer_seconds=15,
    import_rows=10_000_000,
    disk_hours=24,
    live_seconds=40,
    growth_interval=1,
    page_seconds=3.0,
    history_machines=8,
    mess_days=7,
    fault_readings=1_000_000,
    faults=20,
    export_seconds=10_000,
    year_days=365,
)
QUICK: Final = Extent(
    ingest_seconds=200,
    fresh_seconds=1_000,
    outage_interval=60,
    writer_seconds=4,
    import_rows=1_000_000,
    disk_hours=3,
    live_seconds=8,
    growth_interval=10,
    page_seconds=1.0,
    history_machines=4,
    mess_days=0.7,
    fault_readings=100_000,
    faults=6,
    export_seconds=1_000,
    year_days=30,
)
