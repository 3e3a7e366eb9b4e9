"""Markdown of names that are somebody else's."""

import re


def plain(text: str) -> str:
    """A name of somebody's as Markdown that shows it as it is: no markup, no HTML, no cell of a table."""
    return re.sub(r"([\\`*{}\[\]()#+!|<>&~$]|(?<!\w)_|_(?!\w))", r"\\\1", text)
