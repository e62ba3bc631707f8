"""Tokens are made and revoked here; a token is shown once, and its hash is kept."""

from datetime import UTC, datetime

from app.domain.access import Role, new_token, token_digest
from app.errors import BadInput
from app.store.tokens import Added, TokenRecord, TokenStore


class TokenChange:
    """Changes of access."""

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens

    async def create(self, name: str, role: Role, plant: str | None) -> str:
        """The new token; BadInput where the name is taken or the plant is not known."""
        if not name.strip() or "\x00" in name or len(name) > 200:
            raise BadInput(
                "A token needs a name of at most 200 characters.", "Name what will use it: `line-3-telegraf`."
            )
        token = new_token()
        match await self._tokens.add(name, token_digest(token), role, plant, datetime.now(UTC)):
            case Added.NAME_TAKEN:
                raise BadInput(
                    f"There is a token {name!r} already.",
                    "`linegraph token list` shows all tokens; revoke the old one or take another name.",
                )
            case Added.NO_PLANT:
                raise BadInput(
                    f"There is no plant {plant!r} yet.",
                    "Name it in a model file and run `linegraph model apply`; or is the code another one?",
                )
        return token

    async def revoke(self, name: str) -> None:
        """BadInput where there is no such token."""
        if not await self._tokens.revoke(name):
            raise BadInput(f"There is no token {name!r} that works.", "`linegraph token list` shows all tokens.")

    async def all(self) -> list[TokenRecord]:
        """Every token by name, revoked ones included."""
        return list(await self._tokens.all())
