"""What the hostile tests share: examples by Hypothesis, judged one by one, all of them counted."""

import reprlib
import time
import traceback
from collections.abc import Callable

from attempts import Outcome
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies
from hypothesis.strategies import SearchStrategy

from ionscape.errors import LONGEST_LINE, MOST_PROBLEMS, UNREADABLE, InputError

#: Seconds within which any example must be judged.
LIMIT = 10.0

#: Texts that have broken programs: other scripts and forms, directions, control characters, markup, paths, YAML's words.
TRICKS = (
    *("", " ", "\n", "a\nb", "a\0b", "\x1b[31m", "\ud800", "\u202egnp", "a\u00a0b", "\u2028"),
    *("ｆｕｌｌ", "é", "e\u0301", "S\u0430mple", "😀", "sample_id", "train", "con", "=1+1", "-0", "x" * 300, "x" * 20_000),
    *("<script>alert(1)</script>", "\"'><img src=x>", "$\\frac{", "{sample}", "{{x}}", "a: b", "[[1, 2], {a: b}]"),
    *("..", ".", "../x", "/etc/passwd", "~", "~nobody/x", "a/b", "a\\b"),
    *("null", "None", "true", "yes", "on", "nan", "1e400", "0x10", "1_000", "0b", "12:30:45", "2024-99-99", "9" * 5000),
    *("!!python/object:os.system", "!!timestamp x", "&a [*a]", "[" * 500),
)


def rounds(what: str, examples: SearchStrategy, judge: Callable[[object], bool], count: int, start: int) -> Outcome:
    """Judges ``count`` examples, the same ones for the same start.

    Args:
        judge: whether an example was taken; raises InputError, whose message is checked, where it was refused, any other
            error where it was treated wrongly.
    """
    outcome = Outcome(what)

    @seed(start)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(examples, strategies.just(None))
    def each(example: object, _: None) -> None:
        before, problem = time.monotonic(), None
        try:
            try:
                outcome.taken += judge(example)
            except InputError as error:
                check_message(error)
            took = time.monotonic() - before
            assert took < LIMIT, f"took {took:.1f} s"
        except Exception as error:
            last = traceback.format_exc().strip().splitlines()[-6:]
            problem = f"{type(error).__name__}: {error!s:.300}\n  of {_shown(example)}\n  " + "\n  ".join(last)
        outcome.add(problem)

    each()
    return outcome


def _shown(example: object) -> str:
    short = reprlib.Repr()
    short.maxlevel, short.maxdict, short.maxlist, short.maxstring = 6, 30, 8, 60
    try:
        return ascii(short.repr(example))[:2000]
    except ValueError as error:  # an endless number has no text
        return f"what cannot be shown ({error})"


def check_message(error: InputError) -> None:
    """A message is text that can be written, of lines that can be read."""
    lines = str(error).split("\n")
    assert len(lines) <= MOST_PROBLEMS + 2, f"{len(lines)} lines"
    for line in lines:
        assert len(line) <= LONGEST_LINE + 10, f"a line of {len(line)} characters"
        assert not UNREADABLE.search(line), f"unreadable: {line!r}"
    str(error).encode("utf-8")
