"""The pages of documentation, as tests take them apart."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def text_of(page: str) -> str:
    """Of a page in docs, by its name without the ending."""
    return (DOCS / f"{page}.md").read_text("utf-8")


def blocks(page: str, opening: str) -> list[str]:
    """What stands under each ```opening of a page."""
    return re.findall(rf"^```{re.escape(opening)}\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)


def block(page: str, opening: str) -> str:
    """The only one."""
    [found] = blocks(page, opening)
    return found
