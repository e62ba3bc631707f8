"""The address that a service listens on: taken early, answered late, and what is said when it ends."""

import asyncio
import socket
from contextlib import suppress

import anyio
import httpx
import pytest
from starlette.responses import PlainTextResponse

from app.errors import SettingInvalid
from app.http.listening import Address, farewell, taken_address

pytestmark = pytest.mark.anyio


async def _serve(address: Address, said: list[str]) -> None:
    await address.serve(PlainTextResponse("here"), lambda: said.append("listening"), lambda: said.append("stopping"))


async def test_nobody_is_answered_before_all_is_ready_and_then_at_once() -> None:
    said: list[str] = []
    async with taken_address("127.0.0.1", 0) as address:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", address.port), timeout=5)
        serving = asyncio.create_task(_serve(address, said))
        with anyio.fail_after(10):
            while not said:  # noqa: ASYNC110 - said, not signalled
                await asyncio.sleep(0)
        async with httpx.AsyncClient() as client:
            assert (await client.get(address.url)).text == "here"
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", address.port), timeout=5)


async def test_a_port_that_another_program_took_meanwhile_is_told_too() -> None:
    said: list[str] = []
    async with taken_address("127.0.0.1", 0) as address:
        taken = f"Port {address.port} on 127.0.0.1 is taken by another program"
        with socket.create_server(("127.0.0.1", address.port)), pytest.raises(SettingInvalid, match=taken):
            await _serve(address, said)
    assert said == []


async def test_a_name_is_bound_at_every_address_that_it_has_here() -> None:
    async with taken_address("localhost", 0) as address:
        assert {each.getsockname()[1] for each in address.sockets} == {address.port}
        assert "127.0.0.1" in {each.getsockname()[0] for each in address.sockets}
        assert address.url == f"http://localhost:{address.port}"
    assert Address("::1", 8000, []).url == "http://[::1]:8000"


async def test_an_interrupt_is_answered_once() -> None:
    said: list[str] = []

    async def work(*, told: bool) -> None:
        with farewell(said.append) as stopping:
            if told:
                stopping()
            await asyncio.sleep(60)

    for told in (False, True):
        task = asyncio.create_task(work(told=told))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert said == ["Stopping ..."]
        said.clear()
    with farewell(said.append):
        pass
    assert said == []
