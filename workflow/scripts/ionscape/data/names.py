"""Names that people are shown: a sample_id, a label, a split."""

import re

from ..errors import UNREADABLE

#: sample_id becomes part of messages and tables; as a file's name it is written by :func:`.paths.file_name` alone.
SAMPLE_ID = re.compile(r"[^\s,\"/\\]+")

#: Characters of a sample_id, a label, or a split: figures take seconds to draw thousands.
LONGEST_NAME = 200


def is_readable(name: str) -> bool:
    """Whether people can be shown a sample_id, a label, or a split."""
    return len(name) <= LONGEST_NAME and not UNREADABLE.search(name)


def is_word(sample: str) -> bool:
    """Whether a sample_id is one word that can be read."""
    return bool(SAMPLE_ID.fullmatch(sample)) and is_readable(sample)
