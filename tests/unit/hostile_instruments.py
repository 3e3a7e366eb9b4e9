"""Mutated mzML and ANDI-MS files: an image, as nobody can tell one number from another, or a clear error."""

import gzip
import random
from pathlib import Path

import numpy as np
from attempts import Outcome
from hostile_runs import LINE, quiet, read
from mutations import bit_flips, strange_bytes, truncated_anywhere
from writers import write_andi, write_mzml


def entities(rng, content):
    """XML that expands without end, or reads another file."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    other = '<!ENTITY other SYSTEM "file:///etc/passwd">'
    head = f'<!DOCTYPE mzML [<!ENTITY l0 "ha">{laughs}{other}]>'.encode()
    word = rng.choice([b"&l11;", b"&other;", b"&l11"])
    return content.replace(b"?>", b"?>" + head, 1).replace(b'id="run"', b'id="' + word + b'"', 1).replace(b"MS1", word, 3)


def sizes(rng, content):
    """Counts that promise far more than there is."""
    digits = [place for place in range(len(content)) if content[place : place + 2].isdigit()]
    if content.startswith(b"CDF"):
        place = 4 * rng.randrange(1, 60)
        return (
            content[:place]
            + rng.choice([b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00"])
            + content[place + 4 :]
        )
    place = rng.choice(digits)
    return content[:place] + rng.choice([b"999999999999", b"-1", b"0", b"1e300", b"nan"]) + content[place + 2 :]


def mutated_instruments(bases: dict[str, bytes], count: int, seed: int, folder: Path, progress=quiet) -> list[Outcome]:
    """So many mzML and ANDI-MS files: an image, as nobody can tell one number from another, or a clear error.

    Args:
        bases: good files, end of their names → content.
    """
    changes = (bit_flips, strange_bytes, truncated_anywhere, sizes, entities)
    outcomes = {suffix: Outcome(f"instrument's file: {suffix}") for suffix in bases}
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        suffix = list(bases)[number % len(bases)]
        content = changes[number // len(bases) % len(changes)](rng, bases[suffix])
        path = folder / f"run{number}{suffix}"
        path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
        problem = None
        try:
            found = read(path)
            if isinstance(found, str) and (path.name not in found or max(map(len, found.splitlines())) > LINE):
                problem = f"no clear message: {found[:300]}"
            elif not isinstance(found, str) and not (np.isfinite(found).all() and found.max() == 1):
                problem = "an impossible image"
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
        outcomes[suffix].add(problem and f"{path.name}: {problem}")
        if not problem:
            path.unlink()
        progress(number + 1, count)
    return list(outcomes.values())


def instruments_of(content: bytes, folder: Path) -> dict[str, bytes]:
    """A CSV as instruments' software would export it: end of the name → content (of ``.gz``, before it is packed)."""
    scans: dict[float, list[tuple[float, float]]] = {}
    for line in content.splitlines()[1:]:
        time, mass, intensity = map(float, line.split(b","))
        scans.setdefault(time, []).append((mass, intensity))
    rows = [(time, *np.array(points).T) for time, points in sorted(scans.items())]
    write_mzml(folder / "good.mzML", rows)
    write_andi(folder / "good.cdf", rows)
    mzml, andi = (folder / "good.mzML").read_bytes(), (folder / "good.cdf").read_bytes()
    return {".mzML": mzml, ".mzML.gz": mzml, ".cdf": andi}
