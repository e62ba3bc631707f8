"""A client for the tests of what askers see, and a line on what the fuzz has reached."""

from collections.abc import AsyncIterator

import pytest

from app.store.database import Database
from tests.asker import Asker, asking


@pytest.fixture
async def asker(database: Database) -> AsyncIterator[Asker]:
    """Asks the whole service; the tiers move only when told."""
    async with asking(database) as asker:
        yield asker


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the fuzz has reached."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for said in (value for name, value in report.user_properties if name == "fuzz"):
                terminalreporter.line(f"fuzz: {said}")
