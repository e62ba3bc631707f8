"""Who may do what at the doors, with which token; and that the demo answers this machine only."""

import base64

import httpx
import pytest

import app.read.tokens
from app.domain.access import Role
from app.main import House, application, open_service
from app.store.database import Database
from app.store.tables import readings
from tests.doors import bare, open_client, token_for
from tests.holdings import count, kept_readings, kept_refusals, kept_series, moment, nanoseconds

pytestmark = pytest.mark.anyio

LINE = f"press,line=l1,machine=m1,plant=p1 value=1 {nanoseconds(0)}"
COLUMNS = {"series": [{"source": "a", "times": [1], "values": [1]}]}
QUESTION = {"query": "{ plants { edges { node { code } } } }"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_without_a_known_token_nothing_is_taken_and_nothing_told(house: House, database: Database) -> None:
    unknown = ["", "Bearer", "Bearer lg_unknown", "Token lg_unknown", "Digest x", basic("u", "p"), basic("u", ""),
               "Basic !!!", "Basic \u00e9", "Basic /////w==", "Bearer \u00e9", "Token u:p"]  # fmt: skip
    async with open_client(house, loopback_only=False) as client:
        for given in (None, *unknown):
            headers = httpx.Headers({} if given is None else {"Authorization": given}, encoding="latin-1")
            for path in ("/api/v2/write", "/write?u=u&p=lg_unknown", "/write"):
                answer = await client.post(path, content=LINE, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED"), given
                assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert (await client.post("/api/v1/readings", json=COLUMNS, headers=headers)).status_code == 401
            asked = await client.post("/graphql", json=QUESTION, headers=headers)
            assert "UNAUTHENTICATED" in asked.text
            assert "data" not in asked.json()
    assert await count(database, readings) == 0


async def test_a_token_travels_as_clients_send_it(house: House, database: Database) -> None:
    token = await house.access.create("line-3", Role.WRITER, None)
    ways = [f"Bearer {token}", f"bearer {token}", f"Token {token}", f"Token user:{token}", basic("user", token)]
    async with open_client(house, loopback_only=False) as client:
        for at, way in enumerate(ways):
            body = f"m value={at} {nanoseconds(at)}"
            answer = await client.post("/write", content=body, headers={"Authorization": way})
            assert answer.status_code == 204, way
        named = {"db": "d", "u": "user", "p": token}
        assert (await client.post("/write", content=f"m value=9 {nanoseconds(9)}", params=named)).status_code == 204
    assert [value for _, value, _ in (await kept_readings(database))["m value"]] == [0, 1, 2, 3, 4, 9]


async def test_roles_do_what_they_are_for(house: House, database: Database) -> None:
    may = {Role.VIEWER: (False, True), Role.OPERATOR: (False, True), Role.WRITER: (True, False),
           Role.ENGINEER: (True, True), Role.ADMIN: (True, True)}  # fmt: skip
    async with open_client(house, loopback_only=False) as client:
        for role, (writes, reads) in may.items():
            headers = await token_for(house, role)
            for path in ("/write", "/api/v2/write"):
                answer = await client.post(path, content=LINE, headers=headers)
                assert answer.status_code == (204 if writes else 403), role
            answer = await client.post("/api/v1/readings", json=COLUMNS, headers=headers)
            assert answer.status_code == (200 if writes else 403), role
            asked = await client.post("/graphql", json=QUESTION, headers=headers)
            assert asked.status_code == (200 if reads else 403), role
            assert ("FORBIDDEN" in asked.text) is not reads
            assert (await client.get("/metrics", headers=headers)).status_code == (200 if reads else 403), role
    assert set(await kept_readings(database)) == {"press,line=l1,machine=m1,plant=p1 value", "a"}


async def test_a_viewer_may_not_write_even_a_body_that_is_never_read(house: House) -> None:
    token = (await token_for(house, Role.VIEWER))["Authorization"]
    async with open_service(house) as service:
        status, _, said = await bare(application(service), "/write", [], ends=False, authorization=token)
    assert (status, said["code"]) == (403, "FORBIDDEN")


async def test_a_revoked_token_stops_working(house: House, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = await token_for(house, Role.WRITER)
    async with open_client(house, loopback_only=False) as client:
        assert (await client.post("/write", content=LINE, headers=headers)).status_code == 204
        await house.access.revoke("writer of None")
        monkeypatch.setattr(app.read.tokens, "REMEMBERED_SECONDS", 0.0)
        answer = await client.post("/write", content=f"m value=1 {nanoseconds(0)}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
        assert "revoked" in answer.json()["message"]
    assert len(await kept_series(database)) == 1


async def test_a_token_of_one_plant_writes_to_that_plant_alone(house: House, database: Database) -> None:
    async with open_client(house) as everybody:
        assert (await everybody.post("/write", content=LINE)).status_code == 204
    headers = await token_for(house, Role.WRITER, "p1")
    at = nanoseconds(5)
    body = (
        f"press,line=l1,machine=m1,plant=p1 value=2 {at}\n"
        f"press,line=l1,machine=m1,plant=p2 value=3 {at}\n"
        f"untagged value=4 {at}\n"
        f"press,machine=m1,plant=p1 value=5 {at}\n"
        f"press,line=l1,machine=m2,plant=p1 value=6 {at}\n"
    )
    named = {"line": "l1", "machine": "m1", "metric": "press", "times": [at / 1e6]}
    async with open_client(house, loopback_only=False) as client:
        answer = await client.post("/api/v2/write", content=body, headers=headers)
        series = [named | {"plant": "p2", "values": [7]}, named | {"plant": "p1", "values": [8]}]
        series.append({"source": "press,line=l1,machine=m1,plant=p1 value", "times": [at / 1e6], "values": [9]})
        columns = await client.post("/api/v1/readings", json={"series": series}, headers=headers)
    assert (answer.status_code, answer.json()["stored"], answer.json()["refusedCount"]) == (400, 2, 3)
    assert [each["place"] for each in answer.json()["refused"]] == [
        f"press,line=l1,machine=m1,plant=p2 value at {moment(5)}",
        f"untagged value at {moment(5)}",
        f"press,machine=m1,plant=p1 value at {moment(5)}",
    ]
    assert {each["reason"] for each in answer.json()["refused"]} == {"this token writes to the plant p1 only"}
    assert (columns.status_code, columns.json()["stored"], columns.json()["refusedCount"]) == (400, 1, 2)
    assert await kept_readings(database) == {
        "press,line=l1,machine=m1,plant=p1 value": [(0, 1.0, 0), (5_000_000, 8.0, 0)],
        "press,line=l1,machine=m2,plant=p1 value": [(5_000_000, 6.0, 0)],
    }
    assert len(await kept_series(database)) == 2, "what is refused makes no series"
    assert len(await kept_refusals(database)) == 5


async def test_the_demo_answers_this_machine_only(client: httpx.AsyncClient, database: Database) -> None:
    here = ["127.0.0.1:8000", "localhost", "localhost:8000", "LOCALHOST:8000", "[::1]", "[::1]:8000", "127.0.0.1"]
    elsewhere = ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "",
                 "localhost:80:80", "localhost:x", "evil@localhost", "localhost/", "0.0.0.0", "[::]"]  # fmt: skip
    for host in here:
        answer = await client.post("/graphql", json=QUESTION, headers={"Host": host})
        assert answer.status_code == 200, host
        for origin in (f"http://{host}", f"https://{host}"):
            assert (await client.get("/healthz", headers={"Host": host, "Origin": origin})).status_code == 200, origin
    for host in elsewhere:
        for method, path in (("POST", "/write"), ("POST", "/graphql"), ("GET", "/graphql"), ("GET", "/healthz")):
            answer = await client.request(method, path, headers={"Host": host}, content=LINE)
            assert answer.status_code == 403, (host, path)
            assert "linegraph serve" in answer.json()["hint"]
    assert await count(database, readings) == 0


async def test_a_page_of_another_site_reaches_nothing(client: httpx.AsyncClient, database: Database) -> None:
    sites = ["http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:8001", "http://localhost:8000",
             "http://127.0.0.1:8000.evil.example", "file://", ""]  # fmt: skip
    for origin in sites:
        for path in ("/write", "/api/v2/write", "/api/v1/readings", "/graphql"):
            answer = await client.post(path, content=LINE, headers={"Origin": origin})
            assert answer.status_code == 403, (origin, path)
    assert await count(database, readings) == 0
    answer = await client.post("/write", content=LINE, headers={"Origin": "http://127.0.0.1:8000"})
    assert answer.status_code == 204


async def test_a_request_without_a_host_is_not_answered_in_the_demo(house: House) -> None:
    async with open_service(house, loopback_only=True) as service:
        for path in ("/write", "/graphql"):
            status, _, _ = await bare(application(service), path, [], ends=True, host=None)
            assert status == 403
