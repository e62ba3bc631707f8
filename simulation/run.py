"""One run of the command: say what is sent, send it, give an account, and compare."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import httpx
import isodate
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from simulation.comparison import STEPS, compare, pages
from simulation.deliveries import settled
from simulation.differences import Comparison, instant
from simulation.mess import deliveries
from simulation.metrics import METRICS
from simulation.plant import DAY, Plant, around_clock_change
from simulation.sending import send
from simulation.service import Customer
from simulation.trouble import Trouble

__all__ = ["Trouble", "model_text", "simulate"]

_TIMEOUT: Final = 60.0
_KINDS = "{metrics {name kind}}"
_ZONE = "query ($code: String!) {plant(code: $code) {timeZone}}"


def model_text(**options: Any) -> str:
    """The model file of the plant that `simulate` sends with the same options."""
    return _plant(**options).model_text


async def simulate(
    *, url: str, token: str | None, rate: float | None, check: bool, say: Callable[[str], None], **options: Any
) -> bool:
    """Whether every bucket is right, as far as it was looked at; Trouble where it came to nothing."""
    plant = _plant(**options)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if not url.startswith(("http://", "https://")):
        raise Trouble(f"{url} is no address of a service.", "Write for example --url http://127.0.0.1:8000.")
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT) as client:
        customer = Customer(client)
        await customer.reach()
        if check:
            await _require_model(customer)
        return await _run(customer, plant, rate=rate, check=check, say=say)


def _plant(*, machines: int, days: float, interval: str, seed: int, **_: object) -> Plant:
    span = int(days * DAY)
    return Plant(machines, around_clock_change(span, datetime.now(UTC)), span, _microseconds(interval), seed)


def _microseconds(interval: str) -> int:
    try:
        found = isodate.parse_duration(interval)
    except (isodate.ISO8601Error, ValueError):
        found = None
    if not isinstance(found, timedelta):
        raise Trouble(f"--interval {interval!r} is no ISO 8601 duration.", "Write for example PT10S.")
    return found // timedelta(microseconds=1)


async def _run(
    customer: Customer, plant: Plant, *, rate: float | None, check: bool, say: Callable[[str], None]
) -> bool:
    made = deliveries(plant)
    expected = settled(made)
    total, distinct = sum(map(len, made)), sum(map(len, expected.values()))
    say(
        f"The plant {plant.code}: {plant.machines} machines, {len(expected)} series, from {instant(plant.start)}"
        f" to {instant(plant.start + plant.span)}."
    )
    for kind in sorted(plant.mess, key=lambda each: each.value):
        say(f"  {kind.value}")
    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Sending readings", total=total)
        sent = await send(customer, made, rate=rate, acknowledged=lambda count: progress.advance(task, count))
    say(f"{sent:,} readings in {len(made):,} deliveries are acknowledged; {distinct:,} of them are different ones.")
    if not check:
        return True
    with Progress(*columns, console=Console(stderr=True)) as progress:
        zone = (await customer.ask(_ZONE, {"code": plant.code}))["plant"]["timeZone"]
        total = sum(len(keys) for step, width in STEPS.items() for keys, _, _ in pages(expected, step, width, zone))
        task = progress.add_task("Comparing series", total=total)
        told = partial(progress.advance, task)
        found = await compare(customer.ask, expected, compared=told, zone=zone)
    for sentence in account(found):
        say(sentence)
    return not found.different


def account(found: Comparison) -> list[str]:
    """What was found, the sum first."""
    steps = ", ".join(STEPS)
    if not found.different:
        return [f"{found.compared:,} buckets of {steps} are compared with plain Python; none is different."]
    return [
        f"{found.different:,} of {found.compared:,} buckets of {steps} differ from plain Python:"
        f" {found.missing:,} missing, {found.additional:,} additional, {found.changed:,} with other numbers.",
        *found.words,
        *(["..."] if found.different > len(found.words) else []),
    ]


async def _require_model(customer: Customer) -> None:
    """A state that is taken for a gauge has an average: comparing would find differences that are nobody's fault."""
    known = {each["name"]: each["kind"] for each in (await customer.ask(_KINDS, {}))["metrics"]}
    if wrong := [metric for metric in METRICS if known.get(metric.name) != metric.kind.value]:
        raise Trouble(
            f"The service does not know that {wrong[0].name} is a {wrong[0].kind.value}.",
            "Run the same with --model messy.yaml, then `linegraph model apply messy.yaml`, then this again.",
        )
