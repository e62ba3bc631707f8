"""The embedded server, really started: what is kept, crashes, sharing, and how it ends."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import psycopg
import pytest

from app.errors import ServerTrouble
from app.store.account import account_for
from app.store.embedded import embedded_server
from app.store.installation import installations
from app.store.locks import exclusive

pytestmark = pytest.mark.anyio

ENGINES = ("postgresql", "timescaledb")
OTHER_PROCESS = """
import asyncio, os, sys
from pathlib import Path
from app.store.embedded import embedded_server

async def use(data, ending):
    async with embedded_server(Path(data), engine="postgresql", announce=print) as server:
        print("pid", server.pid, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        if ending == "crash":
            os._exit(1)

asyncio.run(use(*sys.argv[1:]))
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder to be; pytest's own temporary folders are closed to the user that root's server runs as."""
    above = Path(tempfile.mkdtemp(prefix="linegraph-test-")).resolve()
    above.chmod(0o755)
    try:
        yield above / "data"
    finally:
        shutil.rmtree(above, ignore_errors=True)


@pytest.fixture
def bystander(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's user that has nothing to do with it."""
    account = account_for(data / "pg")
    process = account.start(Path("/bin/sleep"), ["60"], subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


def quiet(_: str) -> None:
    return


async def ask(url: str, question: str) -> list[object]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        answer = await connection.execute(question.encode())
        return [value for row in await answer.fetchall() for value in row] if answer.description else []


def access(path: Path | str) -> tuple[int, int]:
    """The permissions and the owner of a file."""
    status = os.stat(path)
    return stat.S_IMODE(status.st_mode), status.st_uid


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def need(engine: str) -> None:
    if not any(each.running(engine) for each in installations()):
        pytest.skip(f"this machine has no server for the engine {engine}")


async def other_process(data: Path, ending: str = "in order") -> tuple[asyncio.subprocess.Process, int]:
    """Another process that has the server in use until it is told to end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OTHER_PROCESS, str(data), ending),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(b"pid "):
            return process, int(line.split()[1])
    raise AssertionError("the other process did not get a server")


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_is_stored_is_there_after_a_restart(data: Path, engine: str) -> None:
    need(engine)
    said: list[str] = []
    async with embedded_server(data, engine=engine, announce=said.append) as server:
        assert is_running(server.pid)
        assert server.installation.engine == engine
        assert said == [str(server.installation)]
        await ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        shown = [
            (await ask(server.url, f"SHOW {name}"))[0]
            for name in ("listen_addresses", "fsync", "synchronous_commit", "TimeZone", "jit", "server_encoding")
        ]
        assert shown == ["", "on", "on", "UTC", "off", "UTF8"]
        loaded = await ask(server.url, "SHOW shared_preload_libraries")
        assert loaded == ["timescaledb" if engine == "timescaledb" else ""]
    assert not is_running(server.pid)
    assert access(data / "run") == (0o700, account_for(data / "pg").uid)
    noted = json.loads((data / "server.json").read_text(encoding="utf-8"))
    assert (noted["engine"], noted["bin"]) == (engine, str(server.installation.bin))
    async with embedded_server(data, announce=quiet) as again:
        assert again.installation == server.installation
        assert await ask(again.url, "SELECT answer FROM kept") == [42]


async def test_further_settings_reach_the_server(data: Path) -> None:
    async with embedded_server(data, engine="postgresql", announce=quiet, options={"log_statement": "all"}) as server:
        await ask(server.url, "SELECT 'seen in the log'")
        assert "seen in the log" in server.log.read_text(encoding="utf-8")


async def test_a_killed_server_recovers_what_was_committed(data: Path) -> None:
    async with embedded_server(data, engine="postgresql", announce=quiet) as server:
        await ask(server.url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        os.kill(server.pid, signal.SIGKILL)
    async with embedded_server(data, announce=quiet) as again:
        assert await ask(again.url, "SELECT count(*) FROM kept") == [1000]
        assert "not properly shut down" in again.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
async def test_a_server_that_is_kept_up_is_started_again(data: Path, engine: str, blow: signal.Signals) -> None:
    need(engine)
    said: list[str] = []
    async with embedded_server(data, engine=engine, announce=said.append, kept_up=True) as server:
        await ask(server.url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        os.kill(server.pid, blow)
        with anyio.fail_after(60):
            while "The embedded PostgreSQL runs again." not in said:  # noqa: ASYNC110 - said, not signalled
                await anyio.sleep(0.1)
        assert await ask(server.url, "SELECT count(*) FROM kept") == [1000]
        assert "The embedded PostgreSQL is not running, although it is in use; starting it again now." in said
        [again] = (data / "pg" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[:1]
        assert int(again) != server.pid
    assert not is_running(int(again))


async def test_data_that_is_gone_is_not_made_anew_under_a_service(data: Path) -> None:
    said: list[str] = []
    async with embedded_server(data, engine="postgresql", announce=said.append, kept_up=True) as server:
        os.kill(server.pid, signal.SIGKILL)
        shutil.rmtree(data / "pg")
        with anyio.fail_after(30):
            while not any("is still not running" in each for each in said):  # noqa: ASYNC110 - said, not signalled
                await anyio.sleep(0.1)
    assert any(f"The data in {data / 'pg'} is gone." in each for each in said)
    assert not (data / "pg").exists()


async def test_left_files_that_name_another_process_do_not_stop_the_start(
    data: Path, bystander: subprocess.Popen[bytes]
) -> None:
    async with embedded_server(data, engine="postgresql", announce=quiet) as server:
        account = account_for(data / "pg")
        left = (data / "pg" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        os.kill(server.pid, signal.SIGKILL)
    left[0] = str(bystander.pid)
    for path in (data / "pg" / "postmaster.pid", data / "run" / ".s.PGSQL.5432.lock"):
        path.write_text("\n".join(left) + "\n", encoding="utf-8")
        account.own(path)
    async with embedded_server(data, announce=quiet) as again:
        assert await ask(again.url, "SELECT 1") == [1]
    assert bystander.poll() is None


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": loop}) for loop in (False, True)])
async def test_the_last_of_two_users_stops_the_server(data: Path) -> None:
    said: list[str] = []
    async with embedded_server(data, engine="postgresql", announce=quiet) as first:
        async with embedded_server(data, announce=said.append) as second:
            assert (second.pid, second.url) == (first.pid, first.url)
            assert said == []
        assert await ask(first.url, "SELECT 1") == [1]
    assert not is_running(first.pid)


async def test_a_server_outlives_the_process_that_started_it_while_in_use(data: Path) -> None:
    process, pid = await other_process(data)
    async with embedded_server(data, announce=quiet) as server:
        assert server.pid == pid
        await process.communicate(b"\n")
        assert process.returncode == 0
        assert await ask(server.url, "SELECT 1") == [1]
    assert not is_running(pid)


async def test_a_user_that_joined_keeps_the_server_when_its_starter_leaves(data: Path) -> None:
    async with embedded_server(data, engine="postgresql", announce=quiet) as server:
        process, pid = await other_process(data)
        assert pid == server.pid
    assert await ask(server.url, "SELECT 1") == [1]
    await process.communicate(b"\n")
    assert process.returncode == 0
    assert not is_running(pid)


async def test_the_server_of_a_crashed_process_is_taken_over(data: Path) -> None:
    process, pid = await other_process(data, "crash")
    await process.communicate(b"\n")
    assert process.returncode == 1
    assert is_running(pid)
    async with embedded_server(data, announce=quiet) as server:
        assert server.pid == pid
    assert not is_running(pid)


async def test_an_interrupt_stops_the_server_in_order(data: Path) -> None:
    process, pid = await other_process(data)
    os.killpg(process.pid, signal.SIGINT)
    # The reader of its standard input holds up the other process until there is nothing more to read.
    await process.communicate(b"\n")
    assert not is_running(pid)
    assert (data / "server.log").read_text(encoding="utf-8").rstrip().endswith("database system is shut down")


@pytest.mark.parametrize("patience", [0.15, 0.6])
async def test_giving_up_on_a_start_leaves_nothing_behind(data: Path, patience: float) -> None:
    with anyio.move_on_after(patience):
        async with embedded_server(data, engine="postgresql", announce=quiet):
            await anyio.sleep_forever()
    assert not (data / "pg.new").exists()
    assert not (data / "pg" / "postmaster.pid").exists()
    async with embedded_server(data, engine="postgresql", announce=quiet) as server:
        assert await ask(server.url, "SELECT 1") == [1]


async def test_waiting_for_another_process_is_announced(data: Path) -> None:
    await anyio.Path(data).mkdir()
    said: list[str] = []

    async def use() -> None:
        async with embedded_server(data, engine="postgresql", announce=said.append):
            pass

    async with anyio.create_task_group() as tasks, exclusive(data / "start.lock", quiet):
        tasks.start_soon(use)
        await anyio.sleep(2.5)
    assert said[0] == "waiting for another Linegraph process that is starting or stopping the server, 2 s so far"


async def test_a_server_that_cannot_start_says_why(data: Path) -> None:
    with pytest.raises(ServerTrouble, match='did not start: invalid value for parameter "shared_buffers"') as refusal:
        async with embedded_server(data, engine="postgresql", announce=quiet, options={"shared_buffers": "plenty"}):
            pass
    assert str(data / "server.log") in str(refusal.value.hint)


@pytest.mark.alone
async def test_the_server_is_quick_to_start_again(data: Path) -> None:
    async with embedded_server(data, engine="postgresql", announce=quiet):
        pass
    began = time.monotonic()
    async with embedded_server(data, announce=quiet):
        assert time.monotonic() - began < 5
