"""The small version of the bench's fault run: database and service are killed while a client of its own sends."""

import pytest

from bench.faults import survive
from bench.server import installed
from bench.victims import APART, OWNED

pytestmark = pytest.mark.anyio

STRUCK = (
    "database killed",
    "service killed",
    "database stopped (immediate)",
    "service and its database killed",
)


async def test_everything_acknowledged_is_there_once_and_every_bucket_is_true(engine: str) -> None:
    if not installed(engine):
        pytest.skip(f"no {engine} installed on this machine that a test may kill")
    faults = {fault.what: fault for fault in (*APART, *OWNED)}
    outcome = await survive(engine, 30_000, [faults[what] for what in STRUCK], 1, print)
    assert outcome.surprises == []
    assert outcome.struck == len(STRUCK)
    assert (outcome.missing, outcome.different, outcome.additional) == (0, 0, 0)
    assert outcome.acknowledged > 25_000
    assert outcome.different_buckets == 0
    assert outcome.buckets > 30_000
