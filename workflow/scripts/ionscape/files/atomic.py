"""Atomic writes: a file or folder is written beside its place and renamed, or not at all."""

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Letters that tempfile puts into a name.
RANDOM = 8

#: Ends the name of a folder that holds the one that is being replaced.
EARLIER = ".earlier"


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; on success flushes it to disk and renames it, else removes it.

    It is alone in a folder, as some writers have temporary files of their own beside it, whose names nobody knows.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        temporary = place / path.name
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yields a temporary folder beside ``path``; on success puts it in its place, else removes it.

    Between two renames the place is empty: the earlier folder then has a name by which :func:`remove_unfinished` knows it,
    and puts it back.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            earlier = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=EARLIER)
            os.replace(path, Path(earlier, path.name))
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _settle_earlier(path)


def remove_unfinished(path: str | Path) -> None:
    """Removes what a killed process left of writing ``path`` by :func:`atomic` or :func:`atomic_folder`, if it can.

    A folder that it had moved aside, and not replaced yet, is put back.
    """
    path = Path(path)
    _settle_earlier(path)
    for left in _beside(path, ".tmp"):
        shutil.rmtree(left, ignore_errors=True)


def _settle_earlier(path: Path) -> None:
    """Puts the folder that was moved aside back where nothing has come in its place, else removes it."""
    for left in _beside(path, EARLIER):
        if not path.exists():
            with suppress(OSError):  # where the disk is read-only by now, the next start tries again
                os.replace(left / path.name, path)
        if path.exists():
            shutil.rmtree(left, ignore_errors=True)


def _beside(path: Path, suffix: str) -> Iterator[Path]:
    """What :mod:`tempfile` named after ``path`` with the suffix."""
    return path.parent.glob(f".{glob.escape(path.name)}.{'?' * RANDOM}{suffix}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes bytes, such as a PNG, atomically."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)
