"""Figures beside their references: medians, ratios, whether a bound holds, and the tables that show them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median

from rich import box
from rich.table import Table

from bench.bounds import RUNS

_HEADINGS = ("what", "Linegraph", "reference", "ratio (lowest to highest)", "bound", "")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rates of runs that took turns: those of Linegraph, and those of the reference."""

    measured: list[float]
    reference: list[float]

    @property
    def ratio(self) -> float:
        return median(self.measured) / median(self.reference)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest ratio of neighbouring runs."""
        ratios = [ours / theirs for ours, theirs in zip(self.measured, self.reference, strict=True)]
        return min(ratios), max(ratios)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table; `holds` is None where there is no bound."""

    what: str
    measured: str
    reference: str = ""
    ratio: str = ""
    bound: str = ""
    holds: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        verdict = "" if self.holds is None else "holds" if self.holds else "MISSED"
        return (self.what, self.measured, self.reference, self.ratio, self.bound, verdict)


async def taking_turns(
    measured: Callable[[int], Awaitable[float]], reference: Callable[[int], Awaitable[float]]
) -> Comparison:
    """Each run of one is followed by a run of the other, so that a busy moment of the machine meets both."""
    found = Comparison([], [])
    for run in range(RUNS):
        found.reference.append(await reference(run))
        found.measured.append(await measured(run))
    return found


def compared(what: str, found: Comparison, unit: str, *, least: float | None = None) -> Figure:
    """The medians of a comparison in words."""
    low, high = found.spread
    return Figure(
        what,
        f"{_number(median(found.measured))} {unit}",
        f"{_number(median(found.reference))} {unit}",
        f"{found.ratio:.2f} ({low:.2f} to {high:.2f})",
        "" if least is None else f"at least {least:.2f}",
        None if least is None else found.ratio >= least,
    )


def level(what: str, seconds: Sequence[float], most: float) -> Figure:
    """Times that are to be alike: none more than `most` times as long as another."""
    ratio = max(seconds) / min(seconds)
    measured = ", ".join(map(in_milliseconds, seconds))
    return Figure(what, measured, ratio=f"{ratio:.2f}", bound=f"at most {most:.2f}", holds=ratio <= most)


def at_least(what: str, rate: float, unit: str, least: float) -> Figure:
    return Figure(what, f"{_number(rate)} {unit}", bound=f"at least {_number(least)}", holds=rate >= least)


def at_most(what: str, amount: float, most: float, unit: str = "MB") -> Figure:
    return Figure(what, f"{amount:.1f} {unit}", bound=f"less than {most:g} {unit}", holds=amount < most)


def at_most_seconds(what: str, seconds: float, most: float) -> Figure:
    return Figure(what, in_milliseconds(seconds), bound=f"less than {most * 1_000:g} ms", holds=seconds < most)


def at_least_share(what: str, part: int, whole: int, least: float) -> Figure:
    measured = f"{part / whole:.1%} ({part:,} of {whole:,})"
    return Figure(what, measured, bound=f"at least {least:.0%}", holds=part / whole >= least)


def told(what: str, measured: str) -> Figure:
    """Without a bound: for those who want to know."""
    return Figure(what, measured)


def in_milliseconds(seconds: float) -> str:
    return f"{_number(seconds * 1_000)} ms"


def plain_table(title: str, figures: Sequence[Figure]) -> Table:
    table = Table(*_HEADINGS, title=title, title_justify="left", box=box.SIMPLE)
    for figure in figures:
        table.add_row(*figure.cells)
    return table


def markdown(title: str, figures: Sequence[Figure]) -> str:
    """The same table, for a README."""
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), *(figure.cells for figure in figures)]
    return "\n".join([f"**{title}**", "", *("| " + " | ".join(cells) + " |" for cells in lines), ""])


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 1_000 else f"{rate:.1f}"
