"""The page for operators is true: what it says of backup and restore is done, on both engines."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from app.domain.instants import SECOND
from app.store.account import account_for
from app.store.database import Database, open_database
from app.store.embedded import embedded_server
from app.store.installation import installations
from app.store.tables import readings
from tests.asker import Asker, asking, columns, within
from tests.engines import TestServer, missing, new_database, reachable_folder
from tests.holdings import BASE, count, everything
from tests.pages import block, blocks

pytestmark = pytest.mark.anyio

BUCKETS = """query Q($range: Range!) { machine(path: "p/l/m") { series(metrics: ["temperature"]) {
  buckets(range: $range, every: "PT1M") { starts count average finality } } } }"""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = reachable_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def run(commands: str, folder: Path, engine: str, **environment: str) -> str:
    """Commands as an operator types them, with the programs that stand beside the server."""
    programs = next(each.bin for each in installations() if each.engine == engine)
    process = await asyncio.create_subprocess_exec(
        "bash", "-euc", commands, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment, "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    return said.decode()


async def averages(asker: Asker) -> object:
    return await asker.data(BUCKETS, range=within(BASE, BASE + 600 * SECOND))


async def test_a_dump_is_restored_and_lives(
    database: Database, database_url: str, server: TestServer, engine: str, folder: Path
) -> None:
    sent = [(BASE + number * SECOND, number / 4) for number in range(300)]
    async with asking(database) as asker:
        await asker.send(columns("p/l/m", "temperature", sent))
        await asker.advance(BASE + 120 * SECOND)
        before = await averages(asker)
    await run(blocks("operating", "sh")[0], folder, engine, LINEGRAPH_DATABASE_URL=database_url)
    async with new_database(server, "restored") as url:
        await run(block("operating", f"sh restore {engine}"), folder, engine, LINEGRAPH_DATABASE_URL=url)
        async with open_database(url) as restored, asking(restored) as asker:
            assert await everything(restored) == await everything(database)
            assert await averages(asker) == before
            await asker.send(columns("p/l/m", "temperature", [(BASE, 100.0), (BASE + 301 * SECOND, 1.0)]))
            await asker.advance(BASE + 600 * SECOND)
            answer = await asker.data(BUCKETS, range=within(BASE, BASE + 600 * SECOND))
            [series] = answer["machine"]["series"]
            assert series["buckets"]["count"] == [60, 60, 60, 60, 60, 1]
            assert series["buckets"]["finality"][0] == "REVISED"
            assert series["buckets"]["average"][0] == pytest.approx((sum(range(60)) / 4 + 100) / 60)
            state = await asker.house.states.state()
            assert (state.notes, [job.error for job in state.jobs if job.error]) == (0, [])


async def test_a_base_backup_is_a_data_folder(
    database: Database, database_url: str, server: TestServer, engine: str, folder: Path
) -> None:
    if server.log is None:
        pytest.skip("the server is not embedded")
    async with asking(database) as asker:
        await asker.send(columns("p/l/m", "temperature", [(BASE + number * SECOND, 1.0) for number in range(10)]))
    await run(block("operating", "sh basebackup"), folder, engine, LINEGRAPH_DATA=str(server.log.parent))
    backup, account = folder / "backup", account_for(server.log.parent / "pg")
    for path in (backup, *backup.rglob("*")):
        account.own(path)  # as the page says: chown -R
    told: list[str] = []
    async with embedded_server(backup, announce=told.append, options={"fsync": "off"}) as copy:
        name = make_url(database_url).database
        async with open_database(make_url(copy.url).set(database=name).render_as_string()) as copied:
            assert await count(copied, readings) == 10
    assert copy.installation.engine == engine


@pytest.mark.parametrize("engine", ["postgresql" if missing("timescaledb") else "timescaledb"])
async def test_policies_are_set_as_the_page_says(database_url: str, engine: str, folder: Path) -> None:
    lines = block("operating", "sh policy").splitlines()
    commands = [line for line in lines if engine == "timescaledb" or "TimescaleDB" not in line]
    script = f"""python - <<'END'
import shlex
from app.__main__ import main
for line in {commands}:
    main(shlex.split(line, comments=True)[1:], standalone_mode=False)
END"""
    root = str(Path(__file__).parent.parent)
    said = (await run(script, folder, engine, LINEGRAPH_DATABASE_URL=database_url, PYTHONPATH=root)).splitlines()
    assert said[0] == "RAW\tkeep for ever\tcolumnstore never"
    assert "PT1M\tkeep P730D\tcolumnstore never" in said
    after = "after P14D" if engine == "timescaledb" else "never"
    assert said[-5:-3] == [f"RAW\tkeep P90D\tcolumnstore {after}", "PT1M\tkeep for ever\tcolumnstore never"]
