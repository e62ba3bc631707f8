"""What the machine types of the demo plant are like: how warm, fast, loud and hungry for power."""

from collections.abc import Mapping
from typing import NamedTuple


class Character(NamedTuple):
    """One machine type; times in seconds, the rest in the units of the metrics."""

    cycle: float
    """The ideal time of one part."""
    rise: float
    """Of the temperature above the hall's at full load."""
    standby_heat: float
    """The share of `rise` that a manned machine reaches without producing."""
    warms: float
    cools: float
    standby_current: float
    load_current: float
    coasting: float
    """The speed of a manned machine that does not produce."""
    vibration: float
    rest_pressure: float
    """While manned; 0 for both pressures where there is none to measure."""
    work_pressure: float
    """More than at rest, at the height of a cycle."""
    effort: tuple[float, ...]
    """The current in the course of a cycle, as a share of `load_current`."""
    push: tuple[float, ...]
    """The pressure in the course of a cycle, as a share of `work_pressure`."""


CHARACTERS: Mapping[str, Character] = {
    "press": Character(
        cycle=6.4, rise=37, standby_heat=0.12, warms=2_300, cools=5_600,
        standby_current=11, load_current=104, coasting=0, vibration=2.1, rest_pressure=84, work_pressure=118,
        effort=(0.86, 0.84, 0.83, 0.85, 0.90, 1.02, 1.26, 1.38, 1.28, 1.12, 1.02, 0.96, 0.92, 0.90, 0.88, 0.87),
        push=(0.08, 0.08, 0.08, 0.10, 0.18, 0.46, 0.88, 1.00, 0.94, 0.52, 0.22, 0.12, 0.10, 0.08, 0.08, 0.08),
    ),
    "booth": Character(
        cycle=49.0, rise=34, standby_heat=0.78, warms=1_500, cools=8_200,
        standby_current=4, load_current=38, coasting=0.6, vibration=1.2, rest_pressure=6.3, work_pressure=-0.55,
        effort=(0.94, 0.95, 0.99, 1.03, 1.05, 1.05, 1.05, 1.04, 1.05, 1.05, 1.04, 1.02, 0.98, 0.95, 0.94, 0.94),
        push=(0.05, 0.10, 0.60, 1.00, 0.95, 0.98, 0.96, 1.00, 0.97, 0.95, 1.00, 0.70, 0.20, 0.08, 0.05, 0.05),
    ),
    "robot": Character(
        cycle=52.5, rise=23, standby_heat=0.25, warms=1_700, cools=4_100,
        standby_current=1.3, load_current=9.4, coasting=0, vibration=0.85, rest_pressure=0, work_pressure=0,
        effort=(0.70, 1.30, 0.95, 0.72, 1.05, 1.24, 0.88, 0.80, 1.35, 1.12, 0.76, 1.04, 1.30, 1.02, 0.84, 0.68),
        push=(0.0,) * 16,
    ),
}  # fmt: skip
"""By the name of the type."""
