"""What an answer has cost, for those who mend slow pages."""

from dataclasses import dataclass, field
from time import perf_counter

from app.read.asking import Asking


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """Counts while a request is answered."""

    asking: Asking
    began: float = field(default_factory=perf_counter)

    def shown(self) -> dict[str, object]:
        """`extensions` of the answer: statements, the rows that they may touch and their limit, milliseconds in the
        service and in statements, which may run beside each other. Empty where there were none, and for those who may
        not see it."""
        tally, budget = self.asking.tally, self.asking.budget
        if not tally.statements or not self.asking.viewer.sees_cost:
            return {}
        cost = {
            "statements": tally.statements,
            "rows": budget.spent,
            "limit": budget.limit,
            "milliseconds": round((perf_counter() - self.began) * 1_000, 3),
            "statementMilliseconds": round(tally.seconds * 1_000, 3),
        }
        return {"extensions": {"cost": cost}}
