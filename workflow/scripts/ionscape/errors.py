"""The errors that a user is meant to see: they say what is wrong, where, and what to do."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Something that the user gave (a file, a value, a folder) cannot be used. Shown without a traceback."""


class InputErrors(InputError):
    """Several problems found in one pass.

    Args:
        heading: one line that says what was looked at.
        problems: one complete message each.
    """

    def __init__(self, heading: str, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in self.problems)]))


class Interrupted(Exception):
    """A job was asked to stop, and what it had done is on the disk: run again, it goes on from there."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """A hint such as ``; did you mean 'epochs'?``, or an empty string if nothing is near."""
    close = difflib.get_close_matches(str(name), [str(option) for option in allowed], n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
