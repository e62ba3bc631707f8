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
COMPARED = ("starts", "ends", "count", "average", "minimum", "maximum", "first", "last", "coverage")
QUERY = """query ($path: String!, $range: Range!, $every: Duration!) {machine(path: $path) {series {
  buckets(range: $range, every: $every) {starts ends count average minimum maximum first last coverage}
}}}"""


def cases() -> list[Any]:
    """Those with fixed steps and without filling."""
    if not CASES.exists():
        pytest.skip("the golden cases lie beside the project, and are not on this machine")
    known = json.loads(CASES.read_text(encoding="utf-8"))
    return [case for case in known if "every" in case["ask"] and case["ask"].get("fill", "NONE") == "NONE"]


def model(metrics: list[dict[str, Any]]) -> str:
    """The metrics of the cases, numbered, as a model file says them."""
    lines = ["metrics:"]
    for number, metric in enumerate(metrics):
        lines += [f"  - name: x{number}", f"    kind: {metric['kind']}"]
        if "interval_ms" in metric:
            lines.append(f"    interval: {isodate.duration_isoformat(timedelta(milliseconds=metric['interval_ms']))}")
        lines += [f"    {name}: {metric[name]}" for name in ("modulus", "dip_tolerance") if name in metric]
    return "\n".join(lines) + "\n"


async def test_the_answers_are_those_of_the_cases_wherever_the_watermark_stands(asker: Asker) -> None:
    known = cases()
    assert len(known) > 15
    await asker.house.model.apply(model([case["metric"] for case in known]), "cases.yaml")
    for turn in range(max(len(case["batches"]) for case in known)):
        await asker.send(
            *(
                columns(f"p/l/m{number}", f"x{number}", [(row[0] * 1_000, *row[1:]) for row in case["batches"][turn]])
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
            data = await asker.data(QUERY, path=f"p/l/m{number}", range=asked, every=ask["every"])
            found = data["machine"]["series"][0]["buckets"]
            for name in COMPARED:
                assert same(found[name], case["answer"][name]), (case["name"], name, watermark)
