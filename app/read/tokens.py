"""Who holds a token: asked of the store, remembered for a moment."""

import time

from app.domain.access import Viewer, token_digest
from app.errors import Unauthenticated
from app.store.tokens import TokenStore

REMEMBERED_SECONDS = 2.0
"""A revoked token works for so long at most."""

MOST_REMEMBERED = 1_000

_HINT = "Send Authorization: Bearer TOKEN; `linegraph token create NAME --role viewer` makes one."


class TokenReader:
    """Answers who a token belongs to, without a statement for every request of a busy client."""

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens
        self._known: dict[bytes, tuple[float, Viewer]] = {}

    async def viewer(self, token: str | None) -> Viewer:
        """Unauthenticated where there is no token, or it is not known, or it is revoked."""
        if not token:
            raise Unauthenticated("This needs a token.", _HINT)
        digest, now = token_digest(token), time.monotonic()
        known = self._known.get(digest)
        if known and now - known[0] < REMEMBERED_SECONDS:
            return known[1]
        viewer = await self._tokens.viewer(digest)
        if viewer is None:
            raise Unauthenticated("The token is not known, or was revoked.", _HINT)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (now, viewer)
        return viewer
