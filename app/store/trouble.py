"""The driver's errors stop here: they become Linegraph's, with the cause kept."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy

from app.errors import StoreUnavailable, TooSlow

LATER = "Send it again: what is stored already does no harm. The service goes on by itself when the database is back."
AT_FIRST = "Start the database, or correct LINEGRAPH_DATABASE_URL."


@contextmanager
def translated(hint: str = LATER) -> Iterator[None]:
    """The driver's errors stop here: what a retry may mend becomes StoreUnavailable, with the cause kept."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise StoreUnavailable(f"The database is not available: {_first_line(error)}.", hint) from error
    except sqlalchemy.exc.TimeoutError as error:
        raise StoreUnavailable("All connections to the database are in use.", "Send it again.") from error
    except sqlalchemy.exc.DBAPIError as error:
        cause = error.orig
        if error.connection_invalidated or isinstance(
            cause, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.ReadOnlySqlTransaction
        ):
            raise StoreUnavailable(f"The database is not available: {_first_line(cause)}.", hint) from error
        raise


@contextmanager
def answered_in_time() -> Iterator[None]:
    """As `translated`, for those who ask: TooSlow where the server has put an end to a statement."""
    with translated():
        try:
            yield
        except (psycopg.errors.QueryCanceled, sqlalchemy.exc.DBAPIError) as error:
            if not isinstance(getattr(error, "orig", error), psycopg.errors.QueryCanceled):
                raise
            raise TooSlow("The database took too long.", "Ask for a shorter range, or for less at once.") from error


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") if str(error).strip() else type(error).__name__
