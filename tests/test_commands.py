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
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder / "data" / "pg") in part for part in process.info["cmdline"] or [])
    ]


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
    assert servers_of(folder) == [], "what a command started, it stops"


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_told_to_stop_stops_all_that_it_started(
    environment: dict[str, str], folder: Path, told: signal.Signals
) -> None:
    port = free_port()
    service = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", str(port)], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_until_ready(port, service)
        assert httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": "{ metrics { name } }"}).status_code == 401
        token = linegraph(environment, "token", "create", "beside", "--role", "admin").stdout.strip()
        headers = {"Authorization": f"Token {token}"}
        url = f"http://127.0.0.1:{port}"
        assert (
            httpx.post(f"{url}/api/v2/write", content="t,plant=p,line=l,machine=m value=1", headers=headers).status_code
            == 204
        )
        answer = httpx.post(f"{url}/graphql", json={"query": "{ metrics { name } }"}, headers=headers)
        assert answer.json() == {"data": {"metrics": [{"name": "t"}]}}
        second = linegraph(environment, "serve", "--port", str(free_port()))
        assert second.returncode == 1
        assert "serve" in second.stderr, second.stderr
        assert str(service.pid) in second.stderr, "a second service on the folder is told who has it"
        assert servers_of(folder)
    finally:
        service.send_signal(told)
        _, said = service.communicate(timeout=60)
    assert service.returncode == 128 + told, said
    assert "Traceback" not in said
    assert servers_of(folder) == []


def _wait_until_ready(port: int, service: subprocess.Popen[str]) -> None:
    for _ in range(300):
        if service.poll() is not None:
            raise AssertionError(service.communicate()[1])
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
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
