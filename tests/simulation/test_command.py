"""`linegraph simulate` as its users meet it: against a running service, from another process."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from app.__main__ import main
from app.domain.access import Role
from app.main import House
from simulation.run import model_text

pytestmark = pytest.mark.anyio

SIZE = ("--machines", "2", "--days", "0.1", "--interval", "PT30S")


async def linegraph(*arguments: str) -> tuple[int | None, str]:
    """Exit code, and what it said on standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINEGRAPH_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", *arguments, env=environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def service(database_url: str) -> AsyncIterator[str]:
    """The address of a service on this database."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINEGRAPH_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "serve", "--port", str(port),
        env=environment | {"LINEGRAPH_DATABASE_URL": database_url, "LINEGRAPH_TIER_EVERY": "PT0.2S"},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await _until_ready(client)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def _until_ready(client: httpx.AsyncClient) -> None:
    for _ in range(300):
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("the service did not become ready")


async def test_a_plant_is_sent_and_checked_and_what_is_wrong_is_told(database_url: str, house: House) -> None:
    token = await house.access.create("messy", Role.ADMIN, None)
    async with service(database_url) as url:

        async def simulate(*arguments: str) -> tuple[int | None, str]:
            return await linegraph("simulate", "--url", url, "--token", token, *SIZE, *arguments)

        early = await simulate("--check")
        assert_one_error(early, "does not know that messy.temperature is a GAUGE. Run the same with --model messy.yaml")
        text = model_text(machines=2, days=0.1, interval="PT30S", seed=1)
        await house.model.apply(text, "messy.yaml")
        code, said = await simulate("--check")
        assert code == 0, said
        assert "2 machines, 10 series" in said
        assert "two gateways that deliver one machine" in said
        assert "are acknowledged" in said
        assert "compared with plain Python; none is different." in said

        name = text.split("code: ")[1].split(",")[0]
        middle = said.split("from ")[1].split(" to ")[0].replace(":00Z", ":13.000001Z")
        await _meddle(url, token, name, middle)
        code, said = await simulate("--check", "--rate", "1000000")
        assert code == 1
        assert "5 of " in said
        assert "0 missing, 0 additional, 5 with other numbers." in said
        assert f"{name}/line-1/machine-001 messy.temperature, PT1M, bucket of" in said


async def _meddle(url: str, token: str, plant: str, at: str) -> None:
    """Somebody else stores a reading of the plant."""
    headers = {"Authorization": f"Bearer {token}"}
    series = {"plant": plant, "line": "line-1", "machine": "machine-001", "metric": "messy.temperature"}
    query = """query ($range: Range!, $path: String!) {machine(path: $path) {series(metrics: ["messy.temperature"]) {
      readings(range: $range, first: 1) {times}
    }}}"""
    async with httpx.AsyncClient(base_url=url, headers=headers) as client:
        asked = {"path": f"{plant}/line-1/machine-001", "range": {"from": at}}
        answer = (await client.post("/graphql", json={"query": query, "variables": asked})).json()
        [first] = answer["data"]["machine"]["series"][0]["readings"]["times"]
        columns = {**series, "times": [first + 0.001], "values": [1e6]}
        assert (await client.post("/api/v1/readings", json={"series": [columns]})).status_code == 200


def assert_one_error(found: tuple[int | None, str], sentence: str) -> None:
    code, said = found
    errors = [line for line in said.splitlines() if line.startswith("linegraph: ")]
    assert (code, len(errors)) == (1, 1), said
    assert sentence in errors[0]
    assert "Traceback" not in said


def test_the_model_file_is_written_and_what_to_do_with_it_said(tmp_path: Path) -> None:
    file = tmp_path / "messy.yaml"
    found = CliRunner().invoke(main, ["simulate", *SIZE, "--model", str(file)])
    assert found.exit_code == 0
    assert found.stderr == f"Now `linegraph model apply {file}`, and then the same command without --model.\n"
    assert file.read_text("utf-8") == model_text(machines=2, days=0.1, interval="PT30S", seed=1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--url", "http://127.0.0.1:1"], "No service answers at http://127.0.0.1:1"),
        (["--url", "127.0.0.1:8000"], "Write for example --url http://127.0.0.1:8000."),
        (["--interval", "10s"], "--interval '10s' is no ISO 8601 duration. Write for example PT10S."),
        (["--interval", "PT0.5S"], "The interval is not a whole number of seconds."),
        (["--model", "/nowhere/messy.yaml"], "/nowhere/messy.yaml cannot be used"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(arguments: Sequence[str], sentence: str) -> None:
    found = CliRunner().invoke(main, ["simulate", *arguments])
    assert_one_error((found.exit_code, found.stderr), sentence)
    assert len(found.stderr.splitlines()) == 1
