"""Averages are the same whether counts are read beside them or the mean alone is made in the database."""

import pytest

from app.domain.instants import MINUTE, SECOND
from tests.asker import Asker, columns, within
from tests.holdings import BASE

pytestmark = pytest.mark.anyio

BAD, UNCERTAIN = 0x80000000, 0x40000000
QUERY = """query ($range: Range!, $every: Duration!) {machine(path: "p/l/m") {series {
  metric {name} buckets(range: $range, every: $every) {starts average minimum maximum COUNT}
}}}"""


async def test_averages_without_counts_are_those_with_them(asker: Asker) -> None:
    await asker.define("heat", unit="Cel")
    await asker.define("state", kind="STATE")
    statuses = [0, 0, UNCERTAIN, BAD, 0, BAD]
    rows = [(BASE + at * 7 * SECOND, float(at % 13) / 3, statuses[at // 20 % 6]) for at in range(600)]
    await asker.send(columns("p/l/m", "heat", rows), columns("p/l/m", "state", rows))
    answers = 0
    for watermark in (0, BASE + 21 * MINUTE + 13 * SECOND, BASE + 200 * MINUTE):
        await asker.advance(watermark)
        await asker.send(columns("p/l/m", "heat", [(BASE + 5 * SECOND, watermark / 1e15, 0)]))
        for every in ("PT1M", "PT7M", "PT15M", "PT1H", "PT3.5S"):
            asked = {"range": within(BASE + 30 * SECOND, BASE + 61 * MINUTE), "every": every}
            lean = (await asker.data(QUERY.replace("COUNT", ""), **asked))["machine"]["series"]
            whole = (await asker.data(QUERY.replace("COUNT", "count uncertain"), **asked))["machine"]["series"]
            for one, other in zip(lean, whole, strict=True):
                assert one["buckets"] == {name: other["buckets"][name] for name in one["buckets"]}, every
                answers += len(one["buckets"]["starts"])
            heat, state = (each["buckets"]["average"] for each in lean)
            assert None in heat or every in ("PT7M", "PT15M", "PT1H"), "buckets of bad readings alone"
            assert any(value is not None for value in heat)
            assert set(state) == {None}, "a STATE has none"
    assert answers > 2_000
