"""Text files that commands name: read and written in UTF-8, with one sentence where that cannot be."""

from pathlib import Path

from app.errors import BadInput


def read_text(file: Path) -> str:
    """The whole file; BadInput where it cannot be read as text."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError as error:
        raise BadInput(f"{file} cannot be used: there is no such file.", "Look at its name and folder.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} cannot be used: it is no text in UTF-8.", "Save it as UTF-8.") from error
    except OSError as error:
        raise _unusable(file, error) from error


def write_text(file: Path, text: str, *, overwrite: bool) -> None:
    """BadInput where the file cannot be written, or is there already and is not to be overwritten."""
    try:
        with file.open("w" if overwrite else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise BadInput(f"{file} is there already.", "Name another file, or overwrite it with --force.") from error
    except OSError as error:
        raise _unusable(file, error) from error


def _unusable(file: Path, error: OSError) -> BadInput:
    reason = str(error.strerror).lower()
    return BadInput(f"{file} cannot be used: {reason}.", "Name a file that you may read and write.")
