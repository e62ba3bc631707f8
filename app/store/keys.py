"""Many keys in one parameter: a statement has at most 65,535, and a plan of its own for each number of them."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement


def one_of(column: ColumnElement[Any], keys: Iterable[object]) -> ColumnElement[bool]:
    """True where the column is one of the keys, which are sent as one array."""
    return column == sa.any_(sa.cast(list(keys), sa.ARRAY(column.type)))
