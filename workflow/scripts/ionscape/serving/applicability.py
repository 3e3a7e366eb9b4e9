"""Whether a new run looks like those that a model knows."""

import numpy as np

from ..data.run_facts import RunFacts

#: A new run's fact may lie this share of the known runs' range beyond it.
MARGIN = 0.1

#: What a new run is compared by → (words, whether its logarithm is compared, least slack).
COMPARED = {
    "scans": ("scans", True, 0.0),
    "mass_low": ("lowest m/z", False, 0.5),
    "mass_high": ("highest m/z", False, 0.5),
    "total": ("total ion current", True, 0.01),
}

#: Compared too where the images' axis has limits: a time in other units is another picture.
COMPARED_AXIS = {"axis_low": ("start of the x axis", False, 0.0), "axis_high": ("end of the x axis", False, 0.0)}


def known_ranges(runs: dict[str, np.ndarray], side: np.ndarray, axis: bool) -> dict[str, dict[str, list[float]]]:
    """Smallest and largest value of each compared fact over the runs of each side flag: "0" or "1" → fact → [low, high].

    Args:
        runs: fact → its value of each run (:func:`.run_facts.read_facts`); side: of each, 0 or 1; axis: whether the ends of
            the axis are compared.
    """
    facts = COMPARED | COMPARED_AXIS if axis else COMPARED
    values = {name: runs[name] for name in facts}
    return {
        str(flag): {name: [float(f(of[side == flag])) for f in (np.min, np.max)] for name, of in values.items()}
        for flag in np.unique(side).tolist()
    }


def unlike(facts: RunFacts, known: dict[str, dict[str, list[float]]], side: int | None) -> list[str]:
    """What of a run lies well outside of what the known runs have: a phrase each, such as ``scans 12 (known: 170–321)``.

    Args:
        known: of :func:`known_ranges`; a fact may lie 10 % of the range's width beyond it.
        side: the run's side flag; None, or one that no known run has: the ranges of all are taken together.
    """
    groups = [known[str(side)]] if str(side) in known else list(known.values())
    found = []
    for name, (words, logarithmic, least) in (COMPARED | COMPARED_AXIS).items():
        if name not in groups[0]:
            continue
        value, low, high = getattr(facts, name), min(g[name][0] for g in groups), max(g[name][1] for g in groups)
        scaled = np.array([value, low, high], dtype=np.float64)
        if logarithmic:
            scaled = np.log(np.maximum(scaled, np.finfo(np.float64).tiny))
        slack = max(MARGIN * (scaled[2] - scaled[1]), least)
        if not scaled[1] - slack <= scaled[0] <= scaled[2] + slack:
            found.append(f"{words} {value:.6g} (known: {low:.6g}–{high:.6g})")
    return found
