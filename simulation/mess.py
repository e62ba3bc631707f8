"""The way from the sensors to the service: gateways deliver, and everything that can go wrong does."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from simulation.deliveries import Delivery, Part
from simulation.metrics import BY_NAME, METRICS, Kind
from simulation.plant import DAY, GATEWAYS, MINUTE, SKEW, SKEWED, Mess, Plant
from simulation.signals import BAD, Signal, signal

_SHARE = 0.06
"""Of the deliveries, for each kind of mess."""
_PICKED = 6
"""Readings of a part that are corrected, or sent again."""


def deliveries(plant: Plant) -> list[Delivery]:
    """All deliveries; those of one gateway stand in its order, and gateways do not wait for each other.

    What two gateways say of one instant is the same, so that the order among gateways does not matter.
    """
    rnd = random.Random(f"{plant.seed}/mess")
    made = list(_clean(plant))
    if Mess.BACKFILL in plant.mess:
        made = _backfilled(plant, made, rnd)
    if Mess.DISORDER in plant.mess:
        made = _disordered(made, rnd)
    usual = list(made)
    if Mess.CORRECTIONS in plant.mess:
        made += _corrections(plant, usual, rnd)
    if Mess.REPEATS in plant.mess:
        made += _repeats(usual, rnd)
    made.sort(key=lambda delivery: (delivery.gateway, delivery.arrives))
    return made


def _clean(plant: Plant) -> Iterator[Delivery]:
    """A delivery of every gateway for each stretch of time."""
    fleets: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for machine in range(plant.machines):
        gateway = machine % GATEWAYS
        fleets[gateway].append((machine, False))
        if Mess.OVERLAP in plant.mess and gateway % 2 == 0:
            fleets[(gateway + 3) % GATEWAYS].append((machine, True))
    signals = {
        (machine, metric.name): signal(plant, machine, metric)
        for machine in range(plant.machines)
        for metric in METRICS
    }
    shared = _shared(plant)
    for gateway, fleet in sorted(fleets.items()):
        shift = SKEW if gateway == SKEWED and Mess.SKEW in plant.mess else 0
        width = max(plant.batch // (len(fleet) * len(METRICS)), 1) * plant.interval
        for start in range(plant.start, plant.start + plant.span, width):
            own: list[Part] = []
            others: list[Part] = []
            for machine, borrowed in fleet:
                first, last = (
                    (max(start, shared[0]), min(start + width, shared[1])) if borrowed else (start, start + width)
                )
                for metric in METRICS:
                    found = signals[machine, metric.name].within(first, last, shift) if first < last else None
                    if found and found.times:
                        (others if borrowed else own).append(Part(plant.paths[machine], metric.name, found))
            if own:
                yield Delivery(gateway, start + width, tuple(own))
            if others:
                yield Delivery(gateway, start + width, tuple(others), Mess.OVERLAP)


def _shared(plant: Plant) -> tuple[int, int]:
    """The stretch in which a second gateway delivers as well; nothing of it is ever corrected."""
    return plant.start + plant.span * 2 // 5, plant.start + plant.span * 3 // 5


def _backfilled(plant: Plant, made: list[Delivery], rnd: random.Random) -> list[Delivery]:
    """Each gateway is cut off once, and delivers that stretch days later."""
    away = {}
    for gateway in range(GATEWAYS):
        first = plant.start + int(plant.span * rnd.uniform(0.1, 0.7))
        away[gateway] = (first, first + plant.span // 10 + MINUTE, rnd.choice((1, 2, 3)) * DAY)
    cut = {id(each): away[each.gateway] for each in made}
    return [
        replace(each, arrives=each.arrives + late, because=each.because or Mess.BACKFILL)
        if first <= each.arrives < last
        else each
        for each in made
        for first, last, late in [cut[id(each)]]
    ]


def _disordered(made: list[Delivery], rnd: random.Random) -> list[Delivery]:
    """Neighbours change places, and readings within a delivery do."""
    found = list(made)
    for at in _picked(len(made) - 1, rnd):
        one, other = found[at], found[at + 1]
        if one.gateway == other.gateway and one.arrives != other.arrives:
            found[at] = replace(one, arrives=other.arrives + 1, because=one.because or Mess.DISORDER)
    for at in _picked(len(made), rnd):
        parts = tuple(part._replace(signal=_shuffled(part.signal, rnd)) for part in found[at].parts)
        found[at] = replace(found[at], parts=parts, because=found[at].because or Mess.DISORDER)
    return found


def _corrections(plant: Plant, usual: Sequence[Delivery], rnd: random.Random) -> Iterator[Delivery]:
    """Other values for readings that one gateway alone delivers, by that gateway, after it has delivered them."""
    first, last = _shared(plant)
    mine = [each for each in usual if each.because is not Mess.OVERLAP]
    for at in _picked(len(mine), rnd):
        part = rnd.choice(mine[at].parts)
        places = [place for place, time in enumerate(part.signal.times) if not first <= time < last + SKEW]
        if not places:
            continue
        picked = rnd.sample(places, min(_PICKED, len(places)))
        right = [_corrected(part, place, rnd) for place in picked]
        signal = part.signal.only(picked * 2 if rnd.random() < 0.5 else picked)  # perhaps the wrong ones once more
        signal.values[-len(right) :] = [value for value, _ in right]
        signal.statuses[-len(right) :] = [status for _, status in right]
        yield Delivery(
            mine[at].gateway, mine[at].arrives + _late(rnd), (part._replace(signal=signal),), Mess.CORRECTIONS
        )


def _corrected(part: Part, place: int, rnd: random.Random) -> tuple[float | None, int]:
    """A counter is only taken back: it never overtakes what follows."""
    value, kind = part.signal.values[place], BY_NAME[part.metric].kind
    if rnd.random() < 0.3:
        return None, BAD
    if value is None or kind is Kind.STATE:
        return float(rnd.randrange(4)), 0
    if kind is Kind.COUNTER:
        return min(value, part.signal.values[max(place - 1, 0)] or value), 0
    return value + rnd.randint(1, 8) / 4, 0


def _repeats(usual: Sequence[Delivery], rnd: random.Random) -> Iterator[Delivery]:
    for at in _picked(len(usual), rnd):
        yield replace(usual[at], arrives=usual[at].arrives + _late(rnd), because=Mess.REPEATS)
    for at in _picked(len(usual), rnd):
        part = rnd.choice(usual[at].parts)
        first = rnd.randrange(len(part.signal.times))
        few = list(range(first, min(first + _PICKED, len(part.signal.times))))
        # Within the one delivery every reading is there twice.
        twice = part.signal.only(few * 2)
        yield Delivery(usual[at].gateway, usual[at].arrives + _late(rnd), (part._replace(signal=twice),), Mess.REPEATS)


def _late(rnd: random.Random) -> int:
    return rnd.choice((1, 5 * MINUTE, 2 * 60 * MINUTE, DAY, 3 * DAY))


def _picked(count: int, rnd: random.Random) -> list[int]:
    """A share of so many places, at least one where there is one."""
    return sorted(rnd.sample(range(count), max(round(count * _SHARE), 1))) if count > 0 else []


def _shuffled(signal: Signal, rnd: random.Random) -> Signal:
    return signal.only(rnd.sample(range(len(signal.times)), len(signal.times)))
