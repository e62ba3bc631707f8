"""What an operator sees and sets: the state of the store and its policies, by commands and as metrics."""

from datetime import UTC, datetime

import anyio
import httpx
import numpy as np
import pytest

from app.domain.instants import SECOND, microseconds
from app.domain.rows import settled
from app.main import House, open_service
from app.settings import read_settings
from tests.doors import house_of
from tests.test_commands import environment, folder, linegraph

__all__ = ["environment", "folder"]


def test_status_and_policies_by_command(environment: dict[str, str]) -> None:
    shown = linegraph(environment, "status")
    assert shown.returncode == 0, shown.stderr
    told = shown.stdout.splitlines()
    assert told[0].startswith("PostgreSQL ")
    assert [line.split("\t")[0] for line in told[1:9]] == [
        "tier PT1M", "tier PT15M", "tier PT1H", "tier PT6H", "notes", "chunks", "counters", "derived",
    ]  # fmt: skip
    assert told[7:9] == ["counters\t0 scanned for drops, 0 to be scanned", "derived\t0 series"]
    assert {line.split("\t")[0] for line in told if line.startswith("size")} >= {"size RAW", "size PT6H", "size of all"}

    kept = linegraph(environment, "policy", "RAW", "--keep", "P90D")
    assert kept.stdout.splitlines()[0] == "RAW\tkeep P90D\tcolumnstore never"
    assert linegraph(environment, "policy").stdout == kept.stdout
    refused = linegraph(environment, "policy", "PT1M", "--keep", "P30D")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "RAW would be kept longer than PT1M" in refused.stderr
    unread = linegraph(environment, "policy", "RAW", "--keep", "3 weeks")
    assert (unread.returncode, unread.stderr.splitlines()[-1]) == (
        1, "linegraph: '3 weeks' is no duration in days, hours, minutes or seconds. Write P90D, or none.",
    )  # fmt: skip
    assert linegraph(environment, "policy", "--keep", "P3D").returncode == 2
    assert linegraph(environment, "policy", "RAW", "--keep", "none").stdout.startswith("RAW\tkeep for ever")


@pytest.mark.anyio
async def test_metrics_tell_what_status_shows(house: House, client: httpx.AsyncClient) -> None:
    assert (await client.post("/write", content="m value=1")).status_code == 204
    text = ""
    with anyio.fail_after(20):
        while 'job="refresh",outcome="ended"' not in text:
            await house.freshener.turn()  # which does nothing where the service is at it itself
            text = (await client.get("/metrics")).text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert 0 < float(lines['linegraph_tier_lag_seconds{tier="PT1M"}']) < 200
    assert 0 < float(lines['linegraph_tier_lag_seconds{tier="PT6H"}']) < 6 * 3_600 + 200
    assert float(lines["linegraph_pending_notes"]) == 0
    assert float(lines['linegraph_chunks{form="rows"}']) == 1
    assert float(lines['linegraph_store_bytes{part="RAW"}']) > 8_192
    ended = float(lines['linegraph_job_time{job="refresh",outcome="ended"}'])
    assert abs(ended - datetime.now(UTC).timestamp()) < 60


@pytest.mark.anyio
async def test_a_refresh_that_fails_is_told_everywhere_until_it_succeeds(house: House) -> None:
    """Two values whose sum overflows, which no door lets in, stand for whatever may be wrong with a span."""
    times = np.array([0, SECOND]) + microseconds(datetime(2026, 3, 2, 8, tzinfo=UTC))

    async def store(value: float) -> None:
        rows = settled(np.ones(2, np.int32), times, np.full(2, value), np.zeros(2, np.uint32))
        await house.committer.writer.store(rows)

    await store(1.7e308)
    for turn in (1, 2):
        await house.freshener.turn()
        metrics = house.observer.metrics().decode()
        assert f'linegraph_failures_total{{kind="refresh"}} {turn}.0' in metrics
        assert "linegraph_pending_notes 1.0" in metrics
        [job] = (await house.states.state()).jobs
        assert job.name == "refresh"
        assert "out of range" in str(job.error)
        assert job.failed_at is not None
    await store(1.0)
    await house.freshener.turn()
    metrics = house.observer.metrics().decode()
    assert 'linegraph_failures_total{kind="refresh"} 2.0' in metrics
    assert "linegraph_pending_notes 0.0" in metrics


@pytest.mark.anyio
async def test_settings_go_before_what_a_command_has_set(house: House) -> None:
    given = read_settings({"LINEGRAPH_KEEP": "RAW=P30D, PT1M=P400D"})
    async with open_service(house_of(house.database, keep=given.keep)):
        policies = await house.policies.all()
    assert {name: policy.keep.days for name, policy in policies.items() if policy.keep} == {"RAW": 30, "PT1M": 400}
