"""A service whose own server is killed under it, as the system does where memory is short."""

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from signal import SIGKILL

import anyio
import pytest

from bench.server import installed
from bench.victims import Fault, victims
from tests.engines import reachable_folder

pytestmark = pytest.mark.anyio

KILLED = Fault("database killed under a service that owns it", owned=True, server=SIGKILL)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = reachable_folder()
    yield made
    rmtree(made, ignore_errors=True)


@pytest.fixture
def killable(engine: str) -> str:
    if not installed(engine):
        pytest.skip(f"no {engine} installed on this machine that a test may kill")
    return engine


async def test_the_service_goes_on_by_itself(killable: str, folder: Path) -> None:
    async with victims(folder / "data", killable) as running:
        await running.strike(KILLED)
        with anyio.fail_after(15):
            await running.recover()
        assert await running.token(), "other commands find the new server"


async def test_also_where_another_process_has_started_it_and_does_not_bury_it(killable: str, folder: Path) -> None:
    async with victims(folder / "data", killable, joined=True) as running:
        await running.strike(KILLED)
        with anyio.fail_after(10):
            await running.recover()
