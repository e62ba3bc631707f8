"""Finality as clients see it: provisional until the watermark passes, then final, and revised for good by a change."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.instants import MINUTE, SECOND, microseconds
from tests.asker import Asker, columns, within

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
QUERY = """query ($path: String!, $range: Range!, $every: Duration!) {machine(path: $path) {series {
  buckets(range: $range, every: $every) {starts count average finality revisedAt}
}}}"""


async def asked(asker: Asker, every: str, machine: str = "p/l/m", hours: int = 2) -> Any:
    """The buckets from the base on."""
    data = await asker.data(QUERY, path=machine, range=within(BASE, BASE + hours * HOUR), every=every)
    return data["machine"]["series"][0]["buckets"]


async def finality(asker: Asker, every: str, machine: str = "p/l/m") -> str:
    return "".join(name[0] for name in (await asked(asker, every, machine))["finality"])


async def minutely(asker: Asker, first: int, last: int, value: float = 1.0, machine: str = "p/l/m") -> None:
    """A reading in each of these minutes after the base."""
    await asker.send(columns(machine, "x", [(BASE + at * MINUTE, value) for at in range(first, last)]))


async def test_buckets_become_final_as_the_watermark_passes_them(asker: Asker) -> None:
    await minutely(asker, 0, 120)
    assert await finality(asker, "PT15M") == "PPPPPPPP"
    await asker.advance(BASE + 47 * MINUTE)
    assert await finality(asker, "PT15M") == "FFFPPPPP"
    assert await finality(asker, "PT1M") == "F" * 47 + "P" * 73
    assert await finality(asker, "PT1H") == "PP"
    await asker.advance(BASE + 2 * HOUR)
    assert await finality(asker, "PT15M") == "FFFFFFFF"
    assert (await asked(asker, "PT1H"))["revisedAt"] == [None, None]


async def test_a_changed_number_is_provisional_then_revised_and_says_when(asker: Asker) -> None:
    await minutely(asker, 0, 120)
    await minutely(asker, 0, 120, machine="p/l/n")
    await asker.advance(BASE + DAY)
    before = microseconds(datetime.now(UTC))
    await minutely(asker, 50, 51, 7.0)
    assert await finality(asker, "PT15M") == "FFFPFFFF"
    assert await finality(asker, "PT15M", "p/l/n") == "FFFPFFFF", "a note holds for all series"
    await asker.advance(BASE + DAY)
    assert await finality(asker, "PT15M") == "FFFRFFFF"
    assert await finality(asker, "PT15M", "p/l/n") == "FFFFFFFF"
    assert await finality(asker, "PT1M") == "F" * 45 + "R" * 15 + "F" * 60
    assert await finality(asker, "PT1H") == "RF"
    buckets = await asked(asker, "PT1H")
    assert (buckets["count"], buckets["average"]) == ([60, 60], [66 / 60, 1.0])
    assert before / 1_000 <= buckets["revisedAt"][0] <= microseconds(datetime.now(UTC)) / 1_000
    assert buckets["revisedAt"][1] is None


async def test_repeats_and_first_imports_of_old_data_leave_buckets_final(asker: Asker) -> None:
    await minutely(asker, 0, 60)
    await asker.advance(BASE + DAY)
    await minutely(asker, 0, 60)
    assert await finality(asker, "PT15M") == "FFFF", "a repeat is not even noted"
    await minutely(asker, 60, 120)
    await minutely(asker, 0, 120, machine="p/l/new")
    assert await finality(asker, "PT15M") == "PPPPPPPP", "notes stand for all series"
    await asker.advance(BASE + DAY)
    assert await finality(asker, "PT15M") == await finality(asker, "PT15M", "p/l/new") == "FFFFFFFF"


async def test_readings_that_come_late_to_a_bucket_that_had_some_revise_it(asker: Asker) -> None:
    await minutely(asker, 0, 10)
    await minutely(asker, 15, 22)
    await asker.advance(BASE + 20 * MINUTE)
    await minutely(asker, 10, 15, 3.0)
    await asker.send(columns("p/l/m", "x", [(BASE + 16 * MINUTE + SECOND, 5.0), (BASE + 21 * MINUTE + SECOND, 5.0)]))
    await asker.advance(BASE + DAY)
    buckets = await asked(asker, "PT15M")
    assert buckets["count"] == [15, 9]
    assert buckets["finality"] == ["REVISED", "REVISED"]


async def test_what_changes_before_the_watermark_is_not_revised(asker: Asker) -> None:
    await minutely(asker, 0, 40)
    await asker.advance(BASE + 20 * MINUTE)
    await minutely(asker, 25, 40, 9.0)
    await asker.advance(BASE + DAY)
    assert await finality(asker, "PT15M") == "FFF"


async def test_a_reading_that_becomes_bad_revises_its_bucket(asker: Asker) -> None:
    await minutely(asker, 0, 15)
    await asker.advance(BASE + DAY)
    await asker.send(columns("p/l/m", "x", [(BASE + 3 * MINUTE, None, 0x80000000)]))
    await asker.advance(BASE + DAY)
    buckets = await asked(asker, "PT15M")
    assert (buckets["count"], buckets["finality"]) == ([14], ["REVISED"])
