"""What `linegraph doctor` writes: everything that helps, whatever is broken, and no secret."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.doctor import examine
from app.domain.access import Role
from app.main import House
from app.settings import PREFIX, read_settings
from app.store.address import secrets_of, shown_url
from app.store.embedded import embedded_server
from app.store.migration import migrate
from tests.test_commands import environment, folder, linegraph, servers_of

__all__ = ["environment", "folder"]

PASSWORD, PHRASE, THIRD = "pass/of:the&owner", "phrase-of-a-key", "from-the-environment"
QUESTIONS = {
    "server", "state", "counters", "policies", "counts", "tokens", "unmapped_series", "refusals", "sessions", "tables",
    "settings_that_are_not_the_default", "slow_statements",
}  # fmt: skip


async def examined(url: str, **environment: str) -> tuple[dict[str, Any], str]:
    given = {f"{PREFIX}DATABASE_URL": url, **environment}
    text = await examine(read_settings(given), given, lambda _: None)
    return json.loads(text), text


def test_one_file_tells_it_all_without_a_service(environment: dict[str, str], folder: Path) -> None:
    file = folder / "doctor.json"
    nothing = linegraph(environment, "doctor", "--output", "-")
    assert nothing.returncode == 0, nothing.stderr
    assert "There is no database in" in json.loads(nothing.stdout)["database"]["error"]
    assert not (folder / "data").exists(), "a doctor makes nothing"

    token = linegraph(environment, "token", "create", "gateway", "--role", "writer").stdout.strip()
    secret = {"PGPASSWORD": THIRD, "LINEGRAPH_TIER_LAG": "PT2M"}
    written = linegraph(environment | secret, "doctor", "--output", str(file))
    assert written.returncode == 0, written.stderr
    assert written.stdout == ""
    assert f"Wrote {file}." in written.stderr
    assert servers_of(folder) == []
    told = json.loads(file.read_text())
    assert told["versions"]["linegraph"]
    assert told["settings"]["LINEGRAPH_TIER_LAG"] == {"value": "PT2M", "set": True}
    assert told["settings"]["LINEGRAPH_POOL"] == {"value": 8, "set": False}
    assert told["data_folder"]["made_by"]["bin"]
    assert any("database system is ready" in line for line in told["data_folder"]["end_of_server_log"])
    assert "PGPASSWORD" in told["environment"]
    assert set(told["database"]) == QUESTIONS
    assert not [name for name, answer in told["database"].items() if isinstance(answer, dict) and "error" in answer]
    assert told["database"]["policies"]["RAW"] == {"keep": None, "columnstore_after": None}
    assert told["database"]["tokens"] == [{"role": "writer", "revoked": False, "count": 1}]
    changed = {each["name"] for each in told["database"]["settings_that_are_not_the_default"]}
    assert {"shared_buffers", "max_wal_size"} <= changed
    for hidden in (token, token.removeprefix("lg_"), THIRD, "gateway"):
        assert hidden not in file.read_text()


@pytest.mark.anyio
async def test_a_plant_in_trouble_is_told_without_its_secrets(house: House, database_url: str) -> None:
    token = await house.access.create("gateway", Role.WRITER, None)
    async with house.database.driver() as connection:
        await connection.execute(
            "INSERT INTO refusals (digest, source, place, reason, payload, size, times, first_at, last_at)"
            " VALUES ('a', 'line protocol', 'line 2', %s, 'do not tell', 11, 3, now(), now())",
            (f"the field {token} of postgresql://a:{THIRD}@host/x is no number",),
        )
        await connection.execute("INSERT INTO series (source, unmapped_reason) VALUES ('loose', 'no machine')")
        await connection.execute(
            "INSERT INTO jobs (name, failed_at, error) VALUES ('refresh', now(), %s)",
            (f"password authentication failed; tried password={PHRASE}",),
        )
        await connection.execute("ALTER TABLE counter_scans RENAME TO gone")
    url = database_url.replace("linegraph@", "linegraph:pass%2Fof%3Athe%26owner@") + f"&sslpassword={PHRASE}"
    assert url != database_url
    told, text = await examined(url, PGPASSWORD=THIRD)
    database = told["database"]
    [refusal] = database["refusals"]
    assert refusal["reason"] == "the field lg_*** of postgresql://a:***@host/x is no number"
    assert (refusal["pieces"], refusal["times"]) == (1, 3)
    assert database["unmapped_series"] == [{"reason": "no machine", "series": 1}]
    [job] = database["state"]["jobs"]
    assert job["error"] == "password authentication failed; tried password=***"
    assert database["state"]["lag"]["PT1M"] > 0
    assert "counter_scans" in database["counters"]["error"], "what fails stands where its answer would"
    assert told["settings"]["LINEGRAPH_DATABASE_URL"]["value"].startswith("postgresql://linegraph:***@")
    for hidden in (token, PASSWORD, "of%3Athe", PHRASE, THIRD, "do not tell"):
        assert hidden not in text


@pytest.mark.anyio
async def test_without_a_database_the_rest_is_told() -> None:
    told, text = await examined(f"postgresql://owner:{PHRASE}@127.0.0.1:1/x?connect_timeout=1", PGPASSWORD=THIRD)
    assert told["database"]["error"].startswith("The database is not available: ")
    assert told["settings"]["LINEGRAPH_DATABASE_URL"]["value"] == (
        "postgresql://owner:***@127.0.0.1:1/x?connect_timeout=1"
    )
    assert told["machine"]["processors"]
    assert PHRASE not in text
    unread, text = await examined(f"postgresql://owner:{PHRASE}@{THIRD}@127.0.0.1/x?connect_timeout=1")
    assert unread["settings"]["LINEGRAPH_DATABASE_URL"]["value"] == "***"
    assert "error" in unread["database"]
    assert PHRASE not in text
    assert THIRD not in text


@pytest.mark.anyio
async def test_the_slowest_statements_are_told_where_they_are_kept(folder: Path, engine: str) -> None:
    loaded = {"postgresql": "pg_stat_statements", "timescaledb": "timescaledb,pg_stat_statements"}[engine]
    options = {
        "fsync": "off",
        "shared_preload_libraries": loaded,
        "app.jwt": PHRASE,
        "archive_command": f"send {PHRASE}",
    }
    async with embedded_server(folder / "data", engine=engine, announce=lambda _: None, options=options) as server:
        await migrate(server.url)
        async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
            await connection.execute("CREATE EXTENSION pg_stat_statements")
            await connection.execute("SELECT pg_sleep(0.3), count(*) FROM plants WHERE code = 'a-secret'")
            await connection.execute("CREATE ROLE somebody PASSWORD 'of-somebody'")
        told, text = await examined(server.url)
    statements: Mapping[str, Any] = {each["statement"]: each for each in told["database"]["slow_statements"]}
    assert statements["SELECT pg_sleep($1), count(*) FROM plants WHERE code = $2"]["calls"] == 1
    changed = {each["name"]: each["value"] for each in told["database"]["settings_that_are_not_the_default"]}
    assert changed["archive_command"] == "(set, not shown)"
    assert changed["shared_preload_libraries"] == loaded
    for hidden in (PHRASE, "a-secret", "of-somebody"):
        assert hidden not in text


@pytest.mark.parametrize(
    ("url", "shown", "secrets"),
    [
        ("postgresql://u@h/d", "postgresql://u@h/d", []),
        ("postgresql://u:pw@h:5432/d", "postgresql://u:***@h:5432/d", ["pw"]),
        ("postgresql://u:a%40b@h/d", "postgresql://u:***@h/d", ["a%40b", "a@b"]),
        ("postgresql:///d?host=/run&password=pw", "postgresql:///d?host=%2Frun&password=***", ["pw"]),
        ("postgresql://u:a@b@h/d", "***", ["h", "d", "u", "a", "b"]),
        ("not a url", "***", []),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str, secrets: list[str]) -> None:
    assert shown_url(url) == shown
    assert sorted(secrets_of(url)) == sorted(secrets)
