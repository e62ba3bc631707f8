"""Commands for whoever operates it: how the store stands, how long what is kept, and what to tell who helps."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import isodate

from app import doctor as examination
from app import main as front_door
from app.command import house, run, say
from app.errors import BadInput
from app.files import write_text
from app.settings import Settings

NEVER = "none"


@click.command()
def status() -> None:
    """Show watermarks and lag, pending notes, chunks, counters, what is derived, sizes, and what each job did last."""

    async def work(settings: Settings) -> None:
        async with house(settings) as opened:
            state, counters = await opened.states.state(), await opened.states.counters()
        for line in _lines(state, counters, datetime.now(UTC)):
            click.echo(line)

    run(work)


@click.command()
@click.argument("source", required=False, metavar="[RAW|PT1M|PT15M|PT1H|PT6H]")
@click.option("--keep", metavar="DURATION", help="Drop what is older, for example P90D; none keeps it for ever.")
@click.option("--columnstore-after", metavar="DURATION", help="Move chunks of this age to TimescaleDB's columnstore.")
def policy(source: str | None, keep: str | None, columnstore_after: str | None) -> None:
    """Show policies, or set one. Nothing is dropped, and nothing moved, until somebody sets it."""
    if source is None and (keep or columnstore_after):
        raise click.UsageError("Name what to keep: RAW, PT1M, PT15M, PT1H or PT6H.")

    async def work(settings: Settings) -> None:
        async with house(settings) as opened:
            if source is not None and (keep or columnstore_after):
                given = {"keep": keep, "columnstore_after": columnstore_after}
                changed = {name: _duration(text) for name, text in given.items() if text}
                before = (await opened.policies.all()).get(source, front_door.Policy())
                await opened.policies.set({source: before._replace(**changed)})
            policies = await opened.policies.all()
        for name, each in policies.items():
            click.echo(f"{name}\tkeep {_said(each.keep, 'for ever')}\tcolumnstore {_after(each.columnstore_after)}")

    run(work)


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, - for standard output [linegraph-doctor-TIME.json].",
)
def doctor(output: Path | None) -> None:
    """Write what a support engineer asks for into one file: versions, settings, sizes, lag, errors; no secrets."""

    async def work(settings: Settings) -> None:
        told = await examination.examine(settings, os.environ, say)
        file = output or Path(f"linegraph-doctor-{datetime.now(UTC):%Y%m%d-%H%M%S}.json")
        if str(file) == "-":
            click.echo(told, nl=False)
        else:
            write_text(file, told, overwrite=output is not None)
            say(f"Wrote {file}. Have a look before you send it: it names machines and tells what was refused.")

    run(work)


def _duration(text: str) -> timedelta | None:
    if text == NEVER:
        return None
    try:
        found = isodate.parse_duration(text)
    except ValueError:
        found = None
    if not isinstance(found, timedelta):
        raise BadInput(f"{text!r} is no duration in days, hours, minutes or seconds.", "Write P90D, or none.")
    return found


def _said(duration: timedelta | None, otherwise: str) -> str:
    return otherwise if duration is None else isodate.duration_isoformat(duration)


def _after(duration: timedelta | None) -> str:
    return "never" if duration is None else f"after {isodate.duration_isoformat(duration)}"


def _lines(state: front_door.State, counters: front_door.CounterState, now: datetime) -> Iterator[str]:
    yield state.server
    for tier, watermark in state.watermarks.items():
        seconds = now.timestamp() - watermark / 1e6
        begun = watermark > 0
        yield f"tier {tier}\twatermark {_at(watermark) if begun else 'not begun'}" + (
            f"\tlag {timedelta(seconds=round(seconds))}" if begun else ""
        )
    yield f"notes\t{state.notes:,} pending, over {timedelta(seconds=round(state.noted_seconds))}"
    yield f"chunks\t{state.chunks:,}, of which {state.compressed:,} in the columnstore"
    since = f"; drops of {counters.cut:,} known since {_at(counters.known_since)} only" if counters.known_since else ""
    yield f"counters\t{counters.scanned:,} scanned for drops, {counters.waiting:,} to be scanned{since}"
    series, behind, so_far = state.derived
    filled = f"; {behind:,} are filled in from {_at(so_far)} on, and go on backwards" if so_far else ""
    yield f"derived\t{series:,} series{filled}"
    yield from _sizes(state.sizes)
    for job in state.jobs:
        if job.ended_at:
            yield f"job {job.name}\tended {job.ended_at:%Y-%m-%d %H:%M:%SZ} after {job.seconds:.2f} s: {job.did}"
        if job.failed_at:
            yield f"job {job.name}\tfailed {job.failed_at:%Y-%m-%d %H:%M:%SZ}: {job.error}"


def _sizes(sizes: Mapping[str, int]) -> Iterator[str]:
    for part, size in sizes.items():
        yield f"size {part}\t{size / 1e6:,.1f} MB"
    yield f"size of all\t{sum(sizes.values()) / 1e6:,.1f} MB"


def _at(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant / 1e6, UTC):%Y-%m-%d %H:%M:%SZ}"
