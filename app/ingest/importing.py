"""Imports files: a commit a part, and a final account of what was stored, repeated and refused."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.access import Role, Viewer
from app.domain.batch import Batch, Refusal
from app.domain.units import UNCHANGED, between, is_known, remedy
from app.errors import BadInput
from app.ingest.commit import Committer
from app.ingest.delivery import NAMED_IN_REPLY, Delivery
from app.ingest.intake import Acceptance
from app.sources.csv_file import CsvFormat, Part, read
from app.store.registration import Registration

OPERATOR = Viewer("import", Role.ADMIN)
"""Whoever may run commands beside the database may write to it."""

EVERY_CHUNK = sys.maxsize
"""Whoever imports decades of daily values means it; the store still opens chunks a few at a time."""


def csv_format(
    *,
    zone: str,
    plant: str,
    line: str,
    machine: str,
    time: str | None,
    delimiter: str | None,
    metrics: Sequence[str],
    ignore: str,
    quality: str | None = None,
) -> CsvFormat:
    """The form of CSV files as the command's options describe it; BadInput for an option that makes no sense."""
    try:
        known_zone = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"There is no time zone {zone!r}.", "Write an IANA name such as Europe/Berlin.") from error
    columns = dict(_column(text) for text in metrics)
    left_out = frozenset(name.strip() for name in ignore.split(",") if name.strip())
    return CsvFormat(known_zone, plant, line, machine, time, delimiter, columns, left_out, quality)


def _column(text: str) -> tuple[str, tuple[str, str | None]]:
    """`COLUMN=NAME:UNIT`; the unit may be left out, and a name may not hold a colon."""
    column, equals, metric = text.rpartition("=")
    name, _, unit = metric.partition(":")
    if not equals or not column or not name:
        raise BadInput(f"--metric {text!r} is not COLUMN=NAME:UNIT.", "Write --metric 'Temperature=temperature:Cel'.")
    return column, (name, unit or None)


@dataclass(slots=True)
class Account:
    """What became of the readings of some files.

    `timeless` counts the rows that were refused because their time cannot be read; `named` are the first refusals, with
    the file they stood in; `notes` say what should be known beside.
    """

    new: int = 0
    corrected: int = 0
    repeated: int = 0
    refused: int = 0
    timeless: int = 0
    named: list[tuple[str, Refusal]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def sentences(self) -> Iterator[str]:
        """The account as it is told in the end."""
        yield from self.notes
        for name, refusal in self.named:
            yield f"{name}, {refusal.place}: {refusal.reason}"
        if self.refused > len(self.named):
            yield f"... and {self.refused - len(self.named):,} more; all are kept in the table refusals."
        yield (
            f"Stored {self.new:,} new readings and {self.corrected:,} corrections;"
            f" {self.repeated:,} were repeated, {self.refused:,} rows or cells refused."
        )

    def require_any(self) -> None:
        """BadInput where all that there was is refused."""
        if not self.refused or self.new or self.corrected or self.repeated:
            return
        if self.timeless == self.refused:
            raise BadInput(
                "Nothing was stored: not one time could be read.",
                "Write times in ISO 8601, such as 2026-01-31T12:00:00Z, or name their column with --time.",
            )
        raise BadInput("Nothing was stored: everything was refused.", "Mend what the lines above say, and try again.")


class Import:
    """One run over some files: what its CSV columns are, and the account so far."""

    def __init__(
        self,
        committer: Committer,
        registration: Registration,
        acceptance: Acceptance,
        files: Sequence[Path],
        form: CsvFormat,
    ) -> None:
        self._committer = committer
        self._registration = registration
        self._acceptance = acceptance
        self._files = files
        self._form = form
        self.account = Account()

    def check(self) -> None:
        """BadInput where one of the files is missing or is no CSV that fits the form; nothing is stored yet."""
        limits = self._acceptance.limits(datetime.now(UTC))
        for path in self._files:
            with closing(read(path, self._form, limits, rows=1)) as parts:
                next(parts)

    async def run(self) -> AsyncIterator[int]:
        """Yields the bytes that each step has read. BadInput where a file is no CSV that fits the form: what was
        imported until then stays, and importing again changes nothing of it."""
        await self._give_units({name: unit for name, unit in self._form.metrics.values() if unit})
        for path in self._files:
            done = 0
            limits = self._acceptance.limits(datetime.now(UTC))
            async for part in _read_ahead(read(path, self._form, limits)):
                delivery = Delivery(
                    self._committer, self._commit, source=path.name, viewer=OPERATOR, new_chunks=EVERY_CHUNK
                )
                await delivery.take(part.decoded)
                self._note_refused(path.name, delivery)
                self.account.timeless += part.timeless
                yield part.bytes_read - done
                done = part.bytes_read

    async def _commit(self, batch: Batch) -> list[Refusal]:
        if not len(batch):
            return []
        committed = await self._committer.commit(batch)
        self.account.new += committed.new
        self.account.corrected += committed.corrected
        self.account.repeated += committed.repeated
        return list(committed.refusals)

    def _note_refused(self, name: str, delivery: Delivery) -> None:
        self.account.refused += delivery.receipt.refused
        room = NAMED_IN_REPLY - len(self.account.named)
        self.account.named += [(name, refusal) for refusal in delivery.receipt.named[:room]]

    async def _give_units(self, units: Mapping[str, str]) -> None:
        """A metric is one quantity, and the readings of a series are in one unit: a file that contradicts this must
        name another metric."""
        machine = f"{self._form.plant}/{self._form.line}/{self._form.machine}"
        for name, held in (await self._registration.give_units(machine, units)).items():
            unit = units[name]
            if held.readings is not None and between(unit, held.readings) != UNCHANGED:
                raise _in_another_unit(f"On {machine} {name}", held.readings, unit)
            if between(unit, held.metric) is None:
                raise _in_another_unit(f"The metric {name}", held.metric, unit)
            if not is_known(unit):
                self.account.notes.append(
                    f"The unit {unit!r} of {name} is no UCUM code: values are answered in it, and in no other."
                    f" {remedy(unit)}"
                )


async def _read_ahead(parts: Iterator[Part]) -> AsyncIterator[Part]:
    """Parts in their order, each read in a thread while the one before it is stored."""
    coming = asyncio.create_task(asyncio.to_thread(next, parts, None))
    try:
        while (part := await coming) is not None:
            coming = asyncio.create_task(asyncio.to_thread(next, parts, None))
            yield part
    finally:
        await asyncio.wait([coming])


def _in_another_unit(what: str, held: str, unit: str) -> BadInput:
    return BadInput(
        f"{what} is in {held}, not in {unit}.",
        f"Import the column under another name, or convert the file to {held}.",
    )
