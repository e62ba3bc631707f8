"""A plant whose curves are known: a triangle wave with a gap, a counter that resets, states, and every kind of mark."""

from app.domain.instants import MINUTE
from app.main import House
from tests.asker import Asker, columns
from tests.doors import open_client
from tests.holdings import BASE

HOUR = 60 * MINUTE
HOSTILE = 'Oven <script>document.title = "taken"</script><img src=x onerror=alert(1)>'
GAP = (BASE + 2 * HOUR, BASE + 2 * HOUR + 30 * MINUTE)
BAD = (BASE + 4 * HOUR, BASE + 4 * HOUR + 10 * MINUTE)
UNCERTAIN = (BASE + 5 * HOUR, BASE + 5 * HOUR + 10 * MINUTE)
REVISED = BASE + 1 * HOUR
PROVISIONAL = BASE + 6 * HOUR
END = BASE + 8 * HOUR
LOW, HIGH = 20.0, 80.0

_MODEL = f"""
plants:
  - code: p
    name: Plant <b>one</b>
    time_zone: UTC
    lines:
      - code: l
        name: Line & one
        machines:
          - {{code: oven, name: '{HOSTILE}'}}
          - {{code: idle, name: Idle one}}
  - code: d
    name: Detroit
    time_zone: America/Detroit
    lines: [{{code: l, machines: [{{code: m, name: Far one}}, {{code: live}}]}}]
metrics:
  - {{name: level, display_name: '<i>Level</i>', unit: Cel, interval: PT1M, gap: PT5M}}
  - {{name: parts, display_name: Parts, kind: COUNTER, interval: PT1M}}
  - {{name: status, display_name: Status, kind: STATE, interval: PT1M, labels: {{0: idle, 1: run, 2: '<u>fault</u>'}}}}
"""


def level(time: float) -> float:
    """The triangle: from LOW to HIGH in an hour and back in the next; time: microseconds."""
    hours = (time - BASE) / HOUR % 2
    return LOW + (HIGH - LOW) * (hours if hours <= 1 else 2 - hours)


def status(time: int) -> int:
    return (time - BASE) // HOUR % 3


async def fill(house: House) -> None:
    """The watermark stands at PROVISIONAL, and one reading behind it was corrected since."""
    await house.model.apply(_MODEL, "known.yaml")
    minutes = range(BASE, END, MINUTE)
    levels = [
        (time, None, 0x80890000) if BAD[0] <= time < BAD[1]
        else (time, level(time), 0x40900000 if UNCERTAIN[0] <= time < UNCERTAIN[1] else 0)
        for time in minutes if not GAP[0] < time < GAP[1]
    ]  # fmt: skip
    counts = [(time, float((time - BASE) // MINUTE % 300)) for time in minutes]
    states = [(time, float(status(time))) for time in minutes]
    async with open_client(house) as client:
        asker = Asker(client, house)
        await asker.send(
            columns("p/l/oven", "level", [*levels]),
            columns("p/l/oven", "parts", counts),
            columns("p/l/oven", "status", states),
            columns("d/l/m", "level", [*levels]),
        )
        await asker.advance(PROVISIONAL)
        await asker.send(columns("p/l/oven", "level", [(REVISED, level(REVISED) - 1)]))
        await asker.advance(PROVISIONAL)
