"""`make bench`: measures on every engine that the machine has, and fails where a bound is missed."""

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Mapping

import click
import uvloop
from rich.console import Console
from rich.text import Text

from bench.answers import answers
from bench.bounds import FULL, QUICK, RUNS, Extent
from bench.disk import disk
from bench.export import export
from bench.faults import faults
from bench.figures import Figure, markdown, plain_table
from bench.fresh import fresh
from bench.growth import growth
from bench.imports import imports
from bench.ingest import ingest
from bench.kpis import kpis
from bench.memory import memory
from bench.mess import mess
from bench.outage import outage
from bench.pages import pages
from bench.server import ENGINES, Server, installed, new_server
from bench.visible import visible
from bench.writers import writers
from bench.year import year

PARTS: Mapping[str, Callable[[Server, Extent], Awaitable[list[Figure]]]] = {
    "ingest": ingest,
    "fresh": fresh,
    "outage": outage,
    "writers": writers,
    "import": imports,
    "disk": disk,
    "visible": visible,
    "growth": growth,
    "pages": pages,
    "answers": answers,
    "memory": lambda server, _: memory(server),
    "mess": mess,
    "year": year,
    "kpis": kpis,
    "export": export,
}
"""What is measured on one server, in this order; faults start servers of their own."""


@click.command()
@click.option("--engine", "engines", type=click.Choice(ENGINES), multiple=True, help="Measure on this one alone.")
@click.option("--only", "parts", type=click.Choice([*PARTS, "faults"]), multiple=True, help="Measure this alone.")
@click.option("--quick", is_flag=True, help="Shorter runs: for a look, not for figures to be quoted.")
@click.option("--seed", type=int, help="Of the faults: which, when and in what readings; else another in each run.")
def main(engines: tuple[str, ...], parts: tuple[str, ...], quick: bool, seed: int | None) -> None:
    """Measure ingest in all its ways, bytes on disk, pages, memory, a year and exports beside their references or
    bounds, and compare every bucket of a messy plant, also through faults."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_measure(engines or ENGINES, parts or (*PARTS, "faults"), QUICK if quick else FULL, seed))
    for title, figures in found.items():
        click.echo(markdown(title, figures))
    missed = [figure for figures in found.values() for figure in figures if figure.holds is False]
    sys.exit(1 if missed or not found else 0)


async def _measure(
    engines: tuple[str, ...], parts: tuple[str, ...], extent: Extent, seed: int | None
) -> dict[str, list[Figure]]:
    console = Console(width=max(Console().width, 180))
    found: dict[str, list[Figure]] = {}
    for engine in engines:
        if not installed(engine):
            console.print(Text(f"{engine} is not on this machine: left out."))
            continue
        async with new_server(engine) as server:
            title = f"{server.description}; {server.durability}; medians of {RUNS} runs"
            figures = [figure for name, part in PARTS.items() if name in parts for figure in await part(server, extent)]
        if "faults" in parts:
            figures += await faults(engine, extent, random.randrange(1 << 31) if seed is None else seed, click.echo)
        console.print(plain_table(title, figures))
        found[title] = figures
    return found


if __name__ == "__main__":
    main()
