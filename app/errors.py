"""Every error that Linegraph raises on purpose: a code, a message, and a hint that says what to do next.

LinegraphError
├── BadInput            the asker's mistake
│   ├── MediaNotTaken   a body of a kind that is not read here
│   └── MediaNotGiven   an answer wanted in kinds that there are not
├── PersistedQueryNotFound  a hash that stands for no known document
├── Unauthenticated     no token, or one that is not known
├── Forbidden           a known token that may not do this
├── NotFound            an address at which nothing is
├── NotAllowed          an address asked in a way that it does not answer
├── TooLarge            a body over its limit
├── TooSlow             an answer that took longer than it may
├── Busy                more work than memory allows: come back later
├── StoreUnavailable    the database cannot be reached or cannot write
├── UnsupportedServer   a database that Linegraph cannot run on
├── ServerTrouble       the embedded server cannot be started or stopped
├── SettingInvalid      an environment variable that makes no sense
└── ModelInvalid        a model file that cannot be applied
"""


class LinegraphError(Exception):
    """`message` says what happened, `hint` what to do; `code` is stable and documented in the README."""

    code = "INTERNAL_SERVER_ERROR"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class BadInput(LinegraphError):
    code = "BAD_USER_INPUT"


class MediaNotTaken(BadInput):
    """The code is that of every mistake: the status says the rest."""


class MediaNotGiven(BadInput):
    """As above, for what `Accept` names."""


class PersistedQueryNotFound(LinegraphError):
    """The message is the one that clients wait for before they send the document too: some look at nothing else."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self, hint: str) -> None:
        super().__init__("PersistedQueryNotFound", hint)


class Unauthenticated(LinegraphError):
    code = "UNAUTHENTICATED"


class Forbidden(LinegraphError):
    code = "FORBIDDEN"


class NotFound(LinegraphError):
    code = "NOT_FOUND"


class NotAllowed(LinegraphError):
    """`allowed` names the methods that are answered; it goes out as the Allow header."""

    code = "METHOD_NOT_ALLOWED"

    def __init__(self, message: str, hint: str | None = None, allowed: str = "POST") -> None:
        super().__init__(message, hint)
        self.allowed = allowed


class TooLarge(LinegraphError):
    code = "TOO_LARGE"


class TooSlow(LinegraphError):
    code = "TOO_SLOW"


class Busy(LinegraphError):
    """`retry_after` in seconds goes out as the Retry-After header."""

    code = "BUSY"

    def __init__(self, message: str, hint: str | None = None, retry_after: int = 1) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class StoreUnavailable(Busy):
    code = "STORE_UNAVAILABLE"


class UnsupportedServer(LinegraphError):
    code = "UNSUPPORTED_SERVER"


class ServerTrouble(LinegraphError):
    code = "SERVER_TROUBLE"


class SettingInvalid(LinegraphError):
    code = "SETTING_INVALID"


class ModelInvalid(LinegraphError):
    code = "MODEL_INVALID"
