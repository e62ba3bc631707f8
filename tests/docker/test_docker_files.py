"""The containers: what is sealed, what is checked, and that nothing in the files has drifted from the project."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
import yaml

from app.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE = ROOT / "docker" / "compose.yaml"
WORKFLOW = ROOT / ".github" / "workflows" / "test.yml"

SETTINGS = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}
PASSWORD = "${DB_PASSWORD:?"


def stages() -> list[list[tuple[str, str]]]:
    """The Dockerfile's instructions as (word, rest), a list for each stage."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, whole.splitlines()):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def last(word: str) -> list[str]:
    """What an instruction says in the final stage, each time it is there."""
    return [rest for each, rest in stages()[-1] if each == word]


def environment() -> dict[str, str]:
    """The variables that the final stage sets."""
    return dict(pair.split("=", 1) for rest in last("ENV") for pair in shlex.split(rest))


def composed() -> dict[str, Any]:
    loaded = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found = composed()["services"]
    assert set(found) == {"linegraph", "database"}
    return dict(found)


def jobs() -> dict[str, dict[str, Any]]:
    found = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    assert set(found) == {"plain", "timescale"}
    return dict(found)


def check_health(port: int) -> int:
    """Runs the image's own health check against a port of this machine: its exit code."""
    command = json.loads(last("HEALTHCHECK")[0].split("CMD", 1)[1])
    assert command[0] == "python"
    # A proxy that nobody runs: the check must not ask it.
    variables = os.environ | {"LINEGRAPH_PORT": str(port), "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    return subprocess.run(
        [sys.executable, *command[1:]],
        env=variables,
        stderr=subprocess.DEVNULL,
        timeout=30,
        check=False,
    ).returncode


@contextmanager
def door(status: int) -> Iterator[int]:
    """A server whose `/readyz` has this status, and anything else 404: its port."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keeps the test's output clean."""

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_builds_in_one_stage_and_runs_in_a_slim_other() -> None:
    build, final = stages()
    assert [rest.split()[0] for word, rest in (build[0], final[0]) if word == "FROM"] == ["python:3.13-slim"] * 2
    assert [rest for word, rest in final if word == "COPY"] == ["--from=build /opt/linegraph /opt/linegraph"]
    assert not [rest for word, rest in final if word == "RUN" and re.search(r"\b(pip|apt|apt-get|curl|gcc)\b", rest)]
    assert not [rest for stage in (build, final) for word, rest in stage if word in ("ADD", "ARG")]


def test_image_runs_as_a_fixed_user_who_owns_the_data() -> None:
    (user,) = last("USER")
    uid, gid = map(int, user.split(":"))
    assert uid >= 10_000
    assert gid >= 10_000
    made = " ".join(last("RUN"))
    assert f"--uid {uid}" in made
    assert f"--gid {gid}" in made
    words = [word for word, _ in stages()[-1]]
    assert words.index("RUN") < words.index("USER")
    assert environment()["LINEGRAPH_DATA"] == "/data"
    assert [json.loads(rest) for rest in last("VOLUME")] == [["/data"]]


def test_image_starts_the_service_on_the_port_it_names() -> None:
    assert [json.loads(rest) for rest in last("ENTRYPOINT")] == [["linegraph"]]
    assert [json.loads(rest) for rest in last("CMD")] == [["serve", "--host", "0.0.0.0"]]
    assert last("EXPOSE") == [str(Settings().port)]
    assert environment()["PYTHONUNBUFFERED"] == "1"
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_health_check_believes_only_a_ready_service(status: int, healthy: bool) -> None:
    with door(status) as port:
        assert (check_health(port) == 0) is healthy


def test_health_check_fails_where_nobody_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert check_health(silent.getsockname()[1]) != 0


def test_builder_is_sent_nothing_but_the_package() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {
        "pyproject.toml",
        "NOTICE",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *packages,
    }
    sent = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert sent == needed
    assert [name for name in sorted(sent) if not (ROOT / name).exists()] == []


def test_every_variable_is_a_setting() -> None:
    given = {name for each in services().values() for name in each["environment"]} | set(environment())
    ours = {name for name in given if name.startswith(PREFIX)}
    assert ours == {"LINEGRAPH_DATABASE_URL", "LINEGRAPH_DATA"}
    named = set(re.findall(PREFIX + r"\w+", DOCKERFILE.read_text(encoding="utf-8")))
    assert sorted(named - SETTINGS) == []


def test_password_is_asked_for_and_nowhere_written() -> None:
    given = {name: str(text) for each in services().values() for name, text in each["environment"].items()}
    secrets = {name: text for name, text in given.items() if "PASSWORD" in name}
    assert set(secrets) == {"PGPASSWORD", "POSTGRES_PASSWORD"}
    for text in secrets.values():
        assert text.startswith(PASSWORD)
        assert "openssl rand -hex 24" in text
        assert text.endswith("}")
    assert given["LINEGRAPH_DATABASE_URL"] == "postgresql://linegraph@database:5432/linegraph"
    assert not re.search(r"(?i)password|secret|token", DOCKERFILE.read_text(encoding="utf-8"))


def test_service_and_database_agree() -> None:
    database = services()["database"]["environment"]
    assert (database["POSTGRES_USER"], database["POSTGRES_DB"]) == (
        "linegraph",
        "linegraph",
    )
    ours = services()["linegraph"]
    assert ours["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert (COMPOSE.parent / ours["build"]["context"] / ours["build"]["dockerfile"]).samefile(DOCKERFILE)
    assert (COMPOSE.parent / ours["build"]["context"]).samefile(ROOT)


@pytest.mark.parametrize("name", ["linegraph", "database"])
def test_every_container_is_sealed_limited_and_checked(name: str) -> None:
    each = services()[name]
    assert each["restart"] == "unless-stopped"
    assert each["read_only"] is True
    assert "/tmp" in each["tmpfs"]
    assert each["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*g", each["mem_limit"])
    assert "privileged" not in each
    # An image that is built here brings its own check.
    check = each["healthcheck"]["test"] if "healthcheck" in each else last("HEALTHCHECK")
    assert "NONE" not in check
    assert check


def test_database_is_asked_over_tcp_and_reached_from_inside_only() -> None:
    database = services()["database"]
    assert "ports" not in database
    assert database["healthcheck"]["test"][:4] == [
        "CMD",
        "pg_isready",
        "--host",
        "127.0.0.1",
    ]
    assert database["volumes"] == ["database:/var/lib/postgresql"]
    assert set(composed()["volumes"]) == {"database"}


def test_service_is_published_on_loopback_unless_told_otherwise() -> None:
    ours = services()["linegraph"]
    assert ours["ports"] == ["${PUBLISH:-127.0.0.1:8000}:" + str(Settings().port)]
    assert ours["cap_drop"] == ["ALL"]


def test_images_have_tags_and_ci_tests_on_the_database_that_is_run() -> None:
    images = {name: each["image"] for name, each in services().items()}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert images["linegraph"] == f"linegraph:{version}"
    # Not "latest", and not the "-oss" build, which has no continuous aggregates.
    assert re.fullmatch(r"timescale/timescaledb:\d+\.\d+\.\d+-pg\d+", images["database"])
    assert jobs()["timescale"]["services"]["timescaledb"]["image"] == images["database"]


def test_ci_runs_the_tests_on_both_engines() -> None:
    plain, timescale = jobs()["plain"], jobs()["timescale"]
    for job in (plain, timescale):
        assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert used == ["actions/checkout@v4", "actions/setup-python@v5"]
        assert job["timeout-minutes"] == 20
    assert plain["strategy"]["matrix"] == {"python": ["3.11", "3.13"]}
    assert "env" not in plain
    server = timescale["services"]["timescaledb"]
    password = server["env"]["POSTGRES_PASSWORD"]
    assert timescale["env"] == {"TIMESCALE_TEST_URL": f"postgresql://postgres:{password}@127.0.0.1:5432/postgres"}
    assert server["ports"] == ["5432:5432"]
    assert "pg_isready --host 127.0.0.1" in server["options"]


def test_ci_may_only_read() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert not [name for name, job in jobs().items() if "permissions" in job]
    assert workflow["concurrency"]["cancel-in-progress"] is True
    # YAML 1.1 reads the key `on` as true.
    assert set(workflow[True]) == {"push", "pull_request"}
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")
