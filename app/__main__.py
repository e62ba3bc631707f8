"""The command line: `linegraph ...`; answers go to standard output, everything else to standard error."""

import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from app import main as front_door
from app.command import house, run, say
from app.errors import LinegraphError
from app.files import read_text, write_text
from app.observe import Observer
from app.operating import doctor, policy, status
from app.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="linegraph")
def main(debug: bool) -> None:
    """Factory readings in, exact numbers out. Settings are LINEGRAPH_* environment variables; see the README."""


main.add_command(status)
main.add_command(policy)
main.add_command(doctor)


@main.command()
@click.option("--host", help="Address to listen on [127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [8000].")
def serve(host: str | None, port: int | None) -> None:
    """Run the service: LINEGRAPH_DATABASE_URL, or a database of its own in LINEGRAPH_DATA."""
    run(lambda settings: front_door.serve(settings, Observer(), say), **_given(host=host, port=port))


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [8000].")
def demo(port: int | None) -> None:
    """Run a demo plant with history and live machines, on this machine only, without tokens."""

    async def work(settings: Settings) -> None:
        # A folder of its own: machines that do not exist must never stand among those that do.
        data = settings.data if "LINEGRAPH_DATA" in os.environ else settings.data.with_name("linegraph-demo")
        await front_door.demo(msgspec.structs.replace(settings, data=data), Observer(), say)

    run(work, **_given(port=port))


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema."""

    async def work(settings: Settings) -> None:
        async with house(settings) as opened:
            say(f"{opened.database.kind.sentence} has the newest schema.")

    run(work, migrate=True)


@main.command()
def schema() -> None:
    """Print the GraphQL schema."""
    click.echo(front_door.printed_schema(), nl=False)


@main.group()
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command("create")
@click.argument("name")
@click.option(
    "--role", required=True, type=click.Choice(front_door.ROLES), help="A writer only ingests, a viewer only reads."
)
@click.option("--plant", metavar="CODE", help="See and write this plant alone.")
def create_token(name: str, role: str, plant: str | None) -> None:
    """Print a new token, once; only its hash is kept."""

    async def work(settings: Settings) -> None:
        async with house(settings) as opened:
            click.echo(await opened.access.create(name, front_door.Role(role), plant))

    run(work)


@token.command("list")
def list_tokens() -> None:
    """List all tokens, by name."""

    async def work(settings: Settings) -> None:
        async with house(settings) as opened:
            for each in await opened.access.all():
                state = "revoked" if each.revoked else "works"
                click.echo(
                    f"{each.name}\t{each.role.value}\t{each.plant or 'all plants'}\t{each.created_at:%Y-%m-%d}\t{state}"
                )

    run(work)


@token.command("revoke")
@click.argument("name")
def revoke_token(name: str) -> None:
    """Make a token useless, within two seconds."""

    async def work(settings: Settings) -> None:
        async with house(settings) as opened:
            await opened.access.revoke(name)
            say(f"The token {name!r} does not work any more.")

    run(work)


@main.group()
def model() -> None:
    """Plants, lines, machines, types and metrics as one YAML document."""


@model.command("apply")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def apply_model(file: Path) -> None:
    """Make the catalog say what FILE says; nothing is deleted."""
    run(lambda settings: _model(settings, file, apply=True))


@model.command("diff")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def diff_model(file: Path) -> None:
    """Show what applying FILE would change; exit with 1 where that is anything."""
    run(lambda settings: _model(settings, file, apply=False))


@model.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def export_model(file: Path, force: bool) -> None:
    """Write the catalog to FILE, or to standard output."""

    async def work(settings: Settings) -> None:
        async with house(settings) as opened:
            text, contents = await opened.model.described()
        if str(file) == "-":
            click.echo(text, nl=False)
        else:
            write_text(file, text, overwrite=force)
            say(f"Wrote {file}: {contents}.")

    run(work)


@main.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--plant", required=True, metavar="CODE")
@click.option("--line", required=True, metavar="CODE")
@click.option("--machine", required=True, metavar="CODE")
@click.option("--time", metavar="COLUMN", help="The column with the times [found by its name].")
@click.option("--time-zone", metavar="ZONE", help="Zone of times without an offset [the plant's].")
@click.option("--delimiter", metavar="CHARACTER", help="Between columns; tab for a tab [found in the header].")
@click.option(
    "--metric", "metrics", multiple=True, metavar="COLUMN=NAME:UNIT", help="Name and unit of a column's metric."
)
@click.option("--ignore", default="", metavar="COLUMN,...", help="Columns to leave out.")
@click.option("--quality", metavar="COLUMN", help="The column with each row's OPC UA status: a code, or good or bad.")
def import_files(files: tuple[Path, ...], **form: Any) -> None:
    """Import readings of one machine from CSV files; harmless to repeat."""

    async def work(settings: Settings) -> None:
        async with house(settings) as opened:
            await _import(opened, list(files), form)

    run(work)


async def _import(opened: front_door.House, files: list[Path], form: dict[str, Any]) -> None:
    run_of = await opened.importing(files, **form)
    run_of.check()
    columns = ("[progress.description]{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Importing", total=sum(file.stat().st_size for file in files if file.is_file()))
        async for size in run_of.run():
            progress.advance(task, size)
    await opened.freshen()
    for sentence in run_of.account.sentences():
        say(sentence)
    run_of.account.require_any()


@main.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The running service.")
@click.option("--token", help="A token that reads and writes; the demo asks for none.")
@click.option("--machines", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--days", type=click.FloatRange(0, 366, min_open=True), default=2, show_default=True)
@click.option("--interval", default="PT10S", show_default=True, help="Between readings of a series.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number, another plant.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Readings a second [as fast as possible].")
@click.option("--model", type=click.Path(dir_okay=False, path_type=Path), help="Only write the model FILE.")
@click.option("--check", is_flag=True, help="Compare every bucket with plain Python; exit 1 where one differs.")
def simulate(model: Path | None, **options: Any) -> None:
    """Send a messy plant to a running service, and check its numbers."""
    # Imported here: no other command needs an HTTP client.
    from simulation import run as simulation

    async def work(_: Settings) -> None:
        try:
            if model is not None:
                write_text(model, simulation.model_text(**options), overwrite=True)
                say(f"Now `linegraph model apply {model}`, and then the same command without --model.")
            elif not await simulation.simulate(**options, say=say):
                sys.exit(1)
        except simulation.Trouble as trouble:
            raise LinegraphError(trouble.message, trouble.hint) from trouble

    run(work)


async def _model(settings: Settings, file: Path, *, apply: bool) -> None:
    text = read_text(file)
    async with house(settings) as opened:
        changes, notes = await (opened.model.apply if apply else opened.model.diff)(text, str(file))
    for change in changes:
        click.echo(change)
    for note in notes:
        say(note)
    if not changes:
        say("Nothing to change.")
    elif not apply:
        sys.exit(1)


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


if __name__ == "__main__":
    main()
