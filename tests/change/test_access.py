"""Tokens are made: the name that is taken and the plant that does not exist are told apart."""

import pytest

from app.change.model_file import ModelFile
from app.domain.access import Role
from app.errors import BadInput
from app.main import House
from app.store.database import Database

pytestmark = pytest.mark.anyio


async def test_a_name_that_is_taken_and_a_plant_that_is_not_there(house: House, database: Database) -> None:
    with pytest.raises(BadInput) as unknown:
        await house.access.create("x", Role.WRITER, "detroit")
    assert unknown.value.message == "There is no plant 'detroit' yet."
    assert "model apply" in str(unknown.value.hint)
    await ModelFile(database).apply("plants: [{code: detroit}]", "f")
    await house.access.create("x", Role.WRITER, "detroit")
    for plant in ("detroit", None):
        with pytest.raises(BadInput) as taken:
            await house.access.create("x", Role.VIEWER, plant)
        assert taken.value.message == "There is a token 'x' already."
    await house.access.revoke("x")
    await house.access.create("x", Role.VIEWER, None)
    (token,) = await house.access.all()
    assert (token.role, token.plant, token.revoked) == (Role.VIEWER, None, False)
