"""The cases that follow from the semantics, through the doors: readings in as JSON, buckets out of the API."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import isodate
import pytest

from app.domain.instants import MINUTE
from tests.asker import Asker, columns, within
from tests.schema.test_series import same

pytestmark = pytest.mark.anyio

CASES = Path(__file__).parents[3] / "shared" / "golden" / "cases.json"
COMPARED = ("starts", "ends", "count", "average", "minimum", "maximum", "first", "last", "coverage", "increase")
QUERY = """query ($path: String!, $range: Range!, $every: Duration, $by: CalendarStep, $fill: Fill!) {
  machine(path: $path) {series {
    buckets(range: $range, every: $every, by: $by, fill: $fill) {
      starts ends count average minimum maximum first last coverage increase
    }
  }}
}"""


def cases() -> list[Any]:
    if not CASES.exists():
        pytest.skip("the golden cases lie beside the project, and are not on this machine")
    known: list[Any] = json.loads(CASES.read_text(encoding="utf-8"))
    return known


def model(known: list[Any]) -> str:
    """The metrics of the cases, numbered, each in a plant of its own with the clocks of its case, as a model file."""
    lines = ["plants:"]
    for number, case in enumerate(known):
        lines += [f"  - code: p{number}", f"    time_zone: {case['time_zone']}"]
        lines.append(f"    production_day_starts: '{case['production_day_starts']}'")
    lines.append("metrics:")
    for number, metric in enumerate(case["metric"] for case in known):
        lines += [f"  - name: x{number}", f"    kind: {metric['kind']}"]
        if "interval_ms" in metric:
            lines.append(f"    interval: {isodate.duration_isoformat(timedelta(milliseconds=metric['interval_ms']))}")
        lines += [f"    {name}: {metric[name]}" for name in ("modulus", "dip_tolerance") if name in metric]
    return "\n".join(lines) + "\n"


async def test_the_answers_are_those_of_the_cases_wherever_the_watermark_stands(asker: Asker) -> None:
    known = cases()
    assert len(known) == 40
    await asker.house.model.apply(model(known), "cases.yaml")
    for turn in range(max(len(case["batches"]) for case in known)):
        await asker.send(
            *(
                columns(f"p{number}/l/m", f"x{number}", [(row[0] * 1_000, *row[1:]) for row in case["batches"][turn]])
                for number, case in enumerate(known)
                if turn < len(case["batches"])
            )
        )
    times = [row[0] * 1_000 for case in known for batch in case["batches"] for row in batch]
    for watermark in (0, min(times) + 40 * MINUTE, max(times) + MINUTE):
        await asker.advance(watermark)
        for number, case in enumerate(known):
            ask = case["ask"]
            asked = within(ask["from"] * 1_000, ask["to"] * 1_000)
            steps = {"every": ask.get("every"), "by": ask.get("by"), "fill": ask.get("fill", "NONE")}
            data = await asker.data(QUERY, path=f"p{number}/l/m", range=asked, **steps)
            found = data["machine"]["series"][0]["buckets"]
            for name in COMPARED:
                assert same(found[name], case["answer"][name]), (case["name"], name, watermark)
