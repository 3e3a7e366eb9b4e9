"""Names of files: made of anybody's text, held inside their folder, looked at before they are opened."""

import hashlib
import os
import re
from pathlib import Path

from ..errors import InputError

#: Longest part of a sample_id that :func:`file_name` keeps: file systems take names of 255 bytes.
LONGEST_NAME = 100


def file_name(sample: str) -> str:
    """A sample_id, or a label, as a file name: one word of letters, digits, ``_``, ``-`` and ``.``, not led by a dot.

    Where that is not all of it, other characters become ``_``, and a hash is added: different ids give different names.
    """
    name = re.sub(r"^\.|[^A-Za-z0-9_.-]", "_", sample)[:LONGEST_NAME]
    return name if name == sample and name else f"{name}~{hashlib.sha256(os.fsencode(sample)).hexdigest()[:12]}"


def require_regular_file(path: str | Path, what: str) -> Path:
    """The path, if it is a regular file.

    Raises:
        InputError: it is missing, a directory, or something else that cannot be read as a file.
    """
    path = Path(path)
    if not os.path.exists(path):  # of Path's, some raise where a name is too long or may not be looked at
        raise InputError(f"{path}: {what} does not exist")
    if os.path.isdir(path):
        raise InputError(f"{path}: {what} is a directory, expected a file")
    if not os.path.isfile(path):
        raise InputError(f"{path}: {what} is not a regular file")
    return path


def resolve_inside(root: Path, relative: str) -> Path:
    """The file that a data file, or the configuration, names, if it is in the data folder.

    Raises:
        InputError: absolute path, or one that leaves ``root`` by ``..`` or a symbolic link.
    """
    try:
        base = root.resolve()
        resolved = (base / relative).resolve()
        (root / relative).exists()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name too long, a NUL byte
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{relative[:200]!r} is not a usable path: {reason}") from error
    if not relative or Path(relative).is_absolute() or not resolved.is_relative_to(base):
        raise InputError(f"{relative[:200]!r} leaves the data folder {root}; expected a path relative to it")
    return root / relative
