"""How a command runs: settings read once, stopped in order, an error one line and an exit code."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import click
import msgspec
import uvloop

from app import main as front_door
from app.errors import LinegraphError
from app.observe import Observer, start_logging
from app.settings import Settings, read_settings


def say(sentence: str) -> None:
    """A sentence for whoever runs the command."""
    click.echo(sentence, err=True)


def run(work: Callable[[Settings], Awaitable[None]], **overrides: object) -> None:
    """Runs a command to its end or until it is interrupted; an error of ours is one line and exit code 1."""
    debug = click.get_current_context().find_root().params["debug"]
    told: list[signal.Signals] = []
    try:
        settings = msgspec.structs.replace(read_settings(os.environ), **overrides)
        start_logging(settings.log_level)
        # What is remembered lives long, and answers are short-lived: looking for cycles as often as by default took a
        # fifth of the time of pages with many machines.
        gc.set_threshold(20_000, 20, 20)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_told(work(settings), told))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(128 + (told[0] if told else signal.SIGINT))
    except LinegraphError as error:
        if debug:
            raise
        say(f"linegraph: {error}")
        sys.exit(1)
    except ExceptionGroup as group:
        if debug:
            raise
        say(f"linegraph: {_innermost(group)}")
        sys.exit(1)


async def _until_told(work: Awaitable[None], told: list[signal.Signals]) -> None:
    """SIGTERM ends a command as Ctrl-C does, so that what it started is stopped in order."""
    task = asyncio.ensure_future(work)

    def stop() -> None:
        told.append(signal.SIGTERM)
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    await task


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def house(settings: Settings) -> AbstractAsyncContextManager[front_door.House]:
    return front_door.open_house(settings, Observer(), say)
