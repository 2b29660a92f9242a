"""How pages look: one style sheet, for the pages of the query API and for the one that the command API shows."""

from importlib.resources import files

STYLE = "style.css"


def style() -> bytes:
    """Return the style sheet."""
    return files(__name__).joinpath(STYLE).read_bytes()
