"""The errors that a user is meant to see: they say what is wrong, where, and what to do."""

import re
from collections.abc import Iterable

#: What is no text that a person can read: control characters, line separators, lone surrogates, and the marks that turn the
#: direction of what follows.
UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

#: Most characters of a message's line, and most problems that are told one by one.
LONGEST_LINE, MOST_PROBLEMS = 1000, 200


def legible(text: str) -> str:
    """A text of somebody else's as one line that a terminal shows as it is: escaped, and cut in the middle if long."""
    line = UNREADABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]} … {line[-half:]}"


class InputError(Exception):
    """Something that the user gave (a file, a value, a folder) cannot be used. Shown without a traceback.

    Args:
        message: what is wrong, where, and what to do; its lines are made :func:`legible`.
    """

    def __init__(self, message: str):
        super().__init__("\n".join(map(legible, message.split("\n"))))


class InputErrors(InputError):
    """Several problems found in one pass.

    Args:
        heading: one line that says what was looked at.
        problems: one complete message each.
    """

    def __init__(self, heading: str, problems: Iterable[str]):
        self.problems = [legible(problem) for problem in problems]
        lines = [f"  - {problem}" for problem in self.problems[:MOST_PROBLEMS]]
        if len(self.problems) > MOST_PROBLEMS:
            lines.append(f"  … and {len(self.problems) - MOST_PROBLEMS} more")
        super().__init__("\n".join([heading, *lines]))


class Interrupted(Exception):
    """A job was asked to stop, and what it had done is on the disk: run again, it goes on from there."""
