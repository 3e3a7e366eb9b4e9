"""What is no configuration, whatever its keys say: values that YAML can make and no key takes, and sheer size."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from ..errors import UNREADABLE
from .messages import place

#: More than any configuration holds: levels, keys of one section, values in all, characters of a text; and the largest
#: whole number that every language has.
DEEPEST, MOST_KEYS, MOST_VALUES, LONGEST_TEXT, LARGEST = 12, 500, 20_000, 10_000, 2**53


def strange(config: Any) -> Iterator[str]:
    """What is no configuration, whatever the schema says: values that YAML can make and no key takes, and sheer size."""
    if not isinstance(config, dict):
        yield f"expected keys and values, found {type(config).__name__}"
        return
    waiting: list[tuple[tuple[str, ...], Any]] = [((), config)]
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        path, value = waiting.pop()
        where = place(path)
        match value:
            case dict() | list() if len(path) == DEEPEST:
                yield f"{where}there are more than {DEEPEST} levels"
                return
            case dict() if len(value) > MOST_KEYS:
                yield f"{where}there are more than {MOST_KEYS} keys"
                return
            case dict():
                keys = [_key(key) for key in value]
                yield from (
                    f"{where}key {key!r} occurs more than once" for key, count in Counter(keys).items() if count > 1
                )
                for given, key in zip(value, keys, strict=True):
                    if isinstance(given, bool) or not isinstance(given, str | int | float | date):
                        yield f"{where}found {given!r} as a key, which is no text; put it in quotes"
                    yield from (f"{where}a key {problem}" for problem in _strange_scalar(key))
                waiting += zip([(*path, key) for key in keys], value.values(), strict=True)
            case list():
                waiting += [((*path, str(number)), item) for number, item in enumerate(value[:MOST_VALUES])]
            case _:
                yield from (f"{where}{problem}" for problem in _strange_scalar(value))
    if waiting:
        yield f"there are more than {MOST_VALUES} values"


def _strange_scalar(value: Any) -> Iterator[str]:
    match value:
        case str() if len(value) > LONGEST_TEXT:
            yield f"is longer than {LONGEST_TEXT} characters"
        case str() if found := UNREADABLE.search(value):
            yield f"is {value[:40]!r} and holds {found[0]!r}, which cannot be read"
        case int() if abs(value) > LARGEST:
            yield f"is a number that is too large, allowed: up to {LARGEST}"
        case date() if not isinstance(value, datetime):
            pass
        case str() | int() | float() | None:
            pass
        case _:
            yield f"is a {type(value).__name__}, which no key takes; put it in quotes"


def _key(key: Any) -> str:
    """A key as text: YAML reads one such as 2024 as a number. An endless number has no text."""
    return "…" if isinstance(key, int) and abs(key) > LARGEST else str(key)
