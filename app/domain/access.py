"""Who may do what: roles, and the one plant that a token may be bound to."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import Enum

from app.domain.model import PlantId
from app.errors import Forbidden

TOKEN_PREFIX = "lg_"


class Role(Enum):
    """A writer only ingests, a viewer only reads."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    WRITER = "writer"
    ADMIN = "admin"


_READERS = {Role.VIEWER, Role.OPERATOR, Role.ENGINEER, Role.ADMIN}
_WRITERS = {Role.WRITER, Role.ENGINEER, Role.ADMIN}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. `plant_id` and `plant` (its code) are set where the token is bound to one plant."""

    name: str
    role: Role
    plant_id: PlantId | None = None
    plant: str | None = None

    @property
    def sees_cost(self) -> bool:
        """Whether answers say what they have cost."""
        return self.role in (Role.ENGINEER, Role.ADMIN)

    def must_read(self) -> None:
        if self.role not in _READERS:
            raise Forbidden(f"The role {self.role.value} may not read.", "Use a token of the role viewer.")

    def must_write(self) -> None:
        if self.role not in _WRITERS:
            raise Forbidden(f"The role {self.role.value} may not write readings.", "Use a token of the role writer.")

    def must_engineer(self) -> None:
        if self.role not in (Role.ENGINEER, Role.ADMIN):
            raise Forbidden(f"The role {self.role.value} may not overrule.", "Use a token of the role engineer.")


DEMO_VIEWER = Viewer("demo", Role.ADMIN)
"""In `demo` everybody is admin, on loopback only."""


def new_token() -> str:
    """A token with 256 random bits; it is shown once."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """What is stored of a token. It is as random as a key, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
