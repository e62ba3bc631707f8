"""Brings the plant model in the store to what a YAML document says, tells what would change, and writes it out."""

from itertools import chain
from typing import NamedTuple

from app.change.derived_notes import derived_notes
from app.change.faults import Faults
from app.change.model_document import read_document
from app.change.model_export import contents_of, document_text
from app.change.unit_notes import unit_notes
from app.domain.derived import Link
from app.domain.derived_conflicts import derived_after, derived_conflicts
from app.domain.kpi_conflicts import kpi_conflicts
from app.domain.model_conflicts import conflicts
from app.domain.new_counters import new_counters
from app.domain.plant_model import changes
from app.store.database import Database
from app.store.model_catalog import open_model


class Outcome(NamedTuple):
    """What a document changes, and what its engineer should know beside: a sentence each."""

    changes: list[str]
    notes: list[str]


class ModelFile:
    """What a document does not name is left as it is; nothing is deleted. `time_zone` is that of plants without one."""

    def __init__(self, database: Database, *, time_zone: str = "UTC") -> None:
        self._database = database
        self._time_zone = time_zone

    async def apply(self, text: str, name: str) -> Outcome:
        """ModelInvalid, with places in the file called `name`, where nothing was changed."""
        return await self._bring(text, name, keep=True)

    async def diff(self, text: str, name: str) -> Outcome:
        """What `apply` would change."""
        return await self._bring(text, name, keep=False)

    async def export(self) -> str:
        """The stored model as a document; applied to this store it changes nothing."""
        return (await self.described())[0]

    async def described(self) -> tuple[str, str]:
        """The stored model as a document, and what that holds, in numbers."""
        async with open_model(self._database, keep=False) as catalog:
            stored = await catalog.read()
        return document_text(stored), contents_of(stored)

    async def _bring(self, text: str, name: str, *, keep: bool) -> Outcome:
        document = read_document(text, name)
        async with open_model(self._database, keep=keep) as catalog:
            stored = await catalog.read()
            found = changes(stored, document.model, self._time_zone)
            faults = Faults(name)
            learnt = await catalog.learnt_labels()
            wrong = conflicts(stored, found, learnt), derived_conflicts(stored, found), kpi_conflicts(stored, found)
            for conflict in chain(*wrong):
                place = document.place(conflict.noun, conflict.path, conflict.field, conflict.item)
                faults.add(place, conflict.sentence, conflict.remedy)
            faults.settle()
            counters = await catalog.to_be_scanned(new_counters(found))
            await catalog.write(found)
            links = {name: made for name, made in derived_after(stored, found).items() if isinstance(made, Link)}
            await catalog.tell_in({name: made.kpi.unit for name, made in links.items()})
        return Outcome(
            [sentence for change in found for sentence in change.sentences],
            [*unit_notes(document, found, name), *(counter.sentence for counter in counters), *derived_notes(found)],
        )
