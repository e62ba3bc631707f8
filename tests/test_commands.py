"""The command line as its users meet it: processes of their own, answers on standard output, one line for an error."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from app.store.installation import installations
from tests.engines import reachable_folder

ENGINES = {
    "postgresql": [i for i in installations() if not i.timescale and i.bundled],
    "timescaledb": [i for i in installations() if i.timescale],
}


@pytest.fixture
def folder() -> Iterator[Path]:
    made = reachable_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(params=ENGINES)
def environment(request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    """The environment of a user with an empty data folder, once for each engine that can be embedded here."""
    found = ENGINES[request.param]
    if not found:
        pytest.skip(f"no {request.param} that could be embedded on this machine")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEGRAPH_")}
    return kept | {"LINEGRAPH_DATA": str(folder / "data"), "LINEGRAPH_PG_BIN": str(found[0].bin)}


def linegraph(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


def servers_of(folder: Path) -> list[psutil.Process]:
    """Every process of a server on the data folder: all of them work there."""
    return [
        process
        for process in psutil.process_iter(["cwd"])
        if Path(process.info["cwd"] or "/").is_relative_to(folder / "data" / "pg")
    ]


@dataclass(slots=True)
class Running:
    process: subprocess.Popen[str]
    url: str
    said: str = ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_tokens_the_model_and_files_without_a_service(environment: dict[str, str], folder: Path) -> None:
    made = linegraph(environment, "token", "create", "ci", "--role", "viewer")
    assert made.returncode == 0
    assert re.fullmatch(r"lg_[\w-]{43}\n", made.stdout), "the token alone stands on standard output"
    again = linegraph(environment, "token", "create", "ci", "--role", "viewer")
    assert (again.returncode, again.stdout) == (1, "")
    assert "There is a token 'ci' already. `linegraph token list` shows all tokens" in again.stderr
    assert linegraph(environment, "token", "list").stdout.startswith("ci\tviewer\tall plants\t")

    csv = folder / "oven.csv"
    csv.write_text("time;Temp;mark\n2026-03-02 08:00:00;20,5;0\n2026-03-02 08:00:01;nan;0\nnever;1;0\n")
    arguments = [
        "--plant",
        "p",
        "--line",
        "l",
        "--machine",
        "oven",
        "--metric",
        "Temp=temperature:Cel",
        "--ignore",
        "mark",
    ]
    imported = linegraph(environment, "import", str(csv), *arguments)
    assert imported.returncode == 0, imported.stderr
    assert "oven.csv, row 4:" in imported.stderr
    assert "Stored 2 new readings and 0 corrections; 0 were repeated, 1 rows or cells refused." in imported.stderr
    assert (
        "0 new readings and 0 corrections; 2 were repeated"
        in linegraph(environment, "import", str(csv), *arguments).stderr
    )

    exported = linegraph(environment, "model", "export").stdout
    assert "code: oven" in exported
    (folder / "model.yaml").write_text(exported.replace("code: oven", "code: oven\n            name: The oven"))
    applied = linegraph(environment, "model", "apply", str(folder / "model.yaml"))
    assert applied.stdout == "changed machine p/l/oven: name oven -> The oven\n", applied.stderr
    assert "Nothing to change." in linegraph(environment, "model", "diff", str(folder / "model.yaml")).stderr
    (folder / "counter.yaml").write_text("metrics: [{name: temperature, kind: COUNTER}]")
    counted = linegraph(environment, "model", "apply", str(folder / "counter.yaml"))
    assert counted.stdout == "changed metric temperature: kind GAUGE -> COUNTER\n"
    assert "The next turn of the service scans 1 series of temperature for drops.\n" in counted.stderr
    assert servers_of(folder) == [], "what a command started, it stops"


@contextmanager
def running(environment: dict[str, str], *arguments: str, told: signal.Signals = signal.SIGTERM) -> Iterator[Running]:
    """A service on a port of its own, told to stop in the end; then `said` is what it said."""
    port = free_port()
    command = [sys.executable, "-m", "app", *arguments, "--port", str(port)]
    process = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell runs in the background is deaf to it, and so are its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    service = Running(process, f"http://127.0.0.1:{port}")
    try:
        _wait_until_ready(service)
        yield service
    finally:
        process.send_signal(told)
        service.said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + told, service.said
    assert "Traceback" not in service.said


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_told_to_stop_stops_all_that_it_started(
    environment: dict[str, str], folder: Path, told: signal.Signals
) -> None:
    with running(environment, "serve", told=told) as service:
        url = service.url
        assert httpx.post(f"{url}/graphql", json={"query": "{ metrics { name } }"}).status_code == 401
        made = linegraph(environment, "token", "create", "beside", "--role", "admin")
        assert made.stderr == "", "a command beside a service has nothing to say of the server"
        headers = {"Authorization": f"Token {made.stdout.strip()}"}
        line = "t,plant=p,line=l,machine=m value=1"
        assert httpx.post(f"{url}/api/v2/write", content=line, headers=headers).status_code == 204
        answer = httpx.post(f"{url}/graphql", json={"query": "{ metrics { name } }"}, headers=headers)
        assert answer.json()["data"] == {"metrics": [{"name": "t"}]}
        second = linegraph(environment, "demo", "--port", str(free_port()))
        assert second.returncode == 1
        assert f"Another linegraph serve or demo (pid {service.process.pid}) is using the data folder" in second.stderr
        assert "LINEGRAPH_DATA=... (make demo: DATA=...)" in second.stderr
        assert servers_of(folder)
    assert service.said.count(f"Serving on {url}, with PostgreSQL") == 1
    assert service.said.count("Stopping ...") == 1
    assert servers_of(folder) == []


def test_a_service_starts_the_server_again_that_was_killed(environment: dict[str, str], folder: Path) -> None:
    with running(environment, "serve") as service:
        token = linegraph(environment, "token", "create", "gateway", "--role", "admin").stdout.strip()
        pid_file = folder / "data" / "pg" / "postmaster.pid"
        statuses: list[int] = []
        for value, blow in enumerate((None, signal.SIGKILL, signal.SIGINT)):
            if blow is not None:
                os.kill(int(pid_file.read_text().split()[0]), blow)
                time.sleep(1)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                written = httpx.post(
                    f"{service.url}/api/v2/write",
                    content=f"t,plant=p,line=l,machine=m value={value} {1_772_438_400 + value}000000000",
                    headers={"Authorization": f"Token {token}"},
                    timeout=30,
                )
                statuses.append(written.status_code)
                if written.status_code == 204:
                    break
                assert (written.status_code, written.headers["Retry-After"]) == (503, "1"), written.text
                time.sleep(0.2)
        assert statuses.count(204) == 3, statuses
        query = '{ machine(path: "p/l/m") { series { readings(range: {from: "2026-03-02T00:00:00Z"}) { values } } } }'
        answer = httpx.post(
            f"{service.url}/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.json()["data"]["machine"]["series"] == [{"readings": {"values": [0, 1, 2]}}]
    assert service.said.count("The embedded PostgreSQL is not running, although it is in use; starting it again") == 2
    # The last time, it may be told to stop before it could say so.
    assert service.said.count("The embedded PostgreSQL runs again.") in (1, 2)
    assert servers_of(folder) == []


def test_the_demo_says_where_it_is_and_how_to_be_rid_of_it(environment: dict[str, str], folder: Path) -> None:
    with running(environment, "demo", told=signal.SIGINT) as demo:
        icon = httpx.get(f"{demo.url}/favicon.ico", follow_redirects=True)
        assert icon.headers["content-type"] == "image/svg+xml"
    data = folder / "data"
    assert f"Its data is in {data}. To throw the demo away, stop it, and then: rm -r {data}\n" in demo.said
    assert demo.said.splitlines()[-3:] == [
        f"Dashboard: {demo.url}/",
        f"GraphiQL with examples: {demo.url}/graphql",
        "Stopping ...",
    ]
    assert servers_of(folder) == []


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_is_told_before_anything_is_started(folder: Path, command: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEGRAPH_")}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = linegraph(kept | {"LINEGRAPH_DATA": str(folder / "data")}, command, "--port", str(port))
    assert failed.returncode == 1
    assert failed.stderr == (
        f"linegraph: Port {port} on 127.0.0.1 is taken by another program. Stop it, or choose another with --port"
        " or LINEGRAPH_PORT (make demo: PORT=...).\n"
    )
    assert not (folder / "data" / "pg").exists()


def _wait_until_ready(service: Running) -> None:
    for _ in range(600):
        if service.process.poll() is not None:
            raise AssertionError(service.process.communicate()[1])
        try:
            if httpx.get(f"{service.url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not become ready")


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (
            ["migrate"],
            {"LINEGRAPH_DATABASE_URL": "postgresql://x@127.0.0.1:1/y"},
            "Start the database, or correct LINEGRAPH",
        ),
        (["migrate"], {"LINEGRAPH_DATABASE_URL": "mysql://x@h/y"}, "keeps its data in PostgreSQL"),
        (["serve"], {"LINEGRAPH_PORT": "http"}, "LINEGRAPH_PORT='http' cannot be read"),
        (["serve"], {"LINEGRAPH_TIER_LAG": "5 minutes"}, "Write an ISO 8601 duration such as PT30S"),
        (["serve"], {"LINEGRAPH_DATABSE_URL": "x"}, "LINEGRAPH_DATABSE_URL is not a setting"),
        (["demo"], {"LINEGRAPH_HOST": "0.0.0.0"}, "The demo signs nobody in, so it cannot listen on 0.0.0.0"),
        (["serve", "--host", "nowhere.invalid"], {}, "The host 'nowhere.invalid' cannot be resolved: "),
        (["serve", "--host", "192.0.2.1"], {}, "192.0.2.1 is no address of this machine. Name an address of this"),
        (["serve"], {"LINEGRAPH_DATA": str(Path(__file__).parent)}, "holds files that Linegraph did not make, such as"),
        (["model", "apply", "nowhere.yaml"], {}, "nowhere.yaml cannot be used"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    folder: Path, arguments: list[str], settings: dict[str, str], sentence: str
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEGRAPH_")}
    failed = linegraph(kept | {"LINEGRAPH_DATA": str(folder / "data")} | settings, *arguments)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert sentence in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert failed.stderr.startswith("linegraph: ")


def test_wrong_usage_is_exit_code_2() -> None:
    assert linegraph(dict(os.environ), "token", "create", "x", "--role", "king").returncode == 2


def test_the_schema_is_printed() -> None:
    printed = linegraph(dict(os.environ), "schema")
    assert printed.stdout == (Path(__file__).parent.parent / "schema" / "schema.graphql").read_text("utf-8")
