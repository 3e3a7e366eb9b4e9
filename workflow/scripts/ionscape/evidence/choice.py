"""Whose evidence the report shows: sure answers, sure mistakes, and each label's true positives."""

from dataclasses import dataclass

import numpy as np

#: Labels that are explained on a page at most.
EXPLAINED = 3

#: From this probability on a label is explained; below it the likeliest one alone.
LIKELY = 0.5


def explained_labels(probabilities: np.ndarray) -> list[int]:
    """Which labels of a sample are explained: the likely ones, surest first, or the likeliest; [labels] → indices."""
    order = np.argsort(-probabilities, kind="stable")
    return [int(k) for k in order[:EXPLAINED] if probabilities[k] >= LIKELY] or [int(order[0])]


@dataclass(frozen=True)
class Choice:
    """Rows of the scored samples.

    Attributes:
        averaged: index of a label → its true positives, the surest first, whose evidence is averaged.
        shown: rows that get a page as examples of a sure answer.
        mistakes: row → label of its surest mistake, the surest mistakes first; these get a page too.
    """

    averaged: dict[int, list[int]]
    shown: list[int]
    mistakes: dict[int, int]

    def pairs(self, probabilities: np.ndarray) -> list[tuple[int, int]]:
        """All (row, label) that are explained, each once."""
        found = {(row, label): None for label, rows in self.averaged.items() for row in rows}
        for row in self.shown:
            found |= {(row, label): None for label in explained_labels(probabilities[row])}
        for row, label in self.mistakes.items():
            found |= {(row, one): None for one in {label, *explained_labels(probabilities[row])}}
        return list(found)


def choose(truth: np.ndarray, probabilities: np.ndarray, averaged: int, samples: int, mistakes: int) -> Choice:
    """Chooses whose evidence is shown.

    Args:
        truth, probabilities: [n, labels]; the probabilities are nested ones, of a blend that did not see the sample.
        averaged, samples: of each label; mistakes: in all.
    """
    positives: dict[int, list[int]] = {}
    shown: dict[int, None] = {}
    for label in range(truth.shape[1]):
        order = np.argsort(-probabilities[:, label], kind="stable")
        right = [int(row) for row in order if truth[row, label] > 0.5 and probabilities[row, label] >= 0.5]
        positives[label] = right[:averaged]
        shown |= dict.fromkeys(right[:samples])
    off = np.abs(truth - probabilities)
    wrong: dict[int, int] = {}
    for place in np.argsort(-off, axis=None, kind="stable"):
        row, label = (int(part) for part in np.unravel_index(place, off.shape))
        if len(wrong) == mistakes or off[row, label] < 0.5:
            break
        wrong.setdefault(row, label)
    return Choice({label: rows for label, rows in positives.items() if rows}, list(shown), wrong)
