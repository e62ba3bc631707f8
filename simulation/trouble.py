"""What ends a simulation before it is through."""


class Trouble(Exception):
    """`message` says what happened, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint
