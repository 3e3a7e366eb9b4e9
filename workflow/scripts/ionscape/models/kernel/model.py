"""Family ``kernel``: kernel logistic regression on smoothed images, a sample being what it is most alike to.

Where there are a few hundred runs, similarity to each of them tells more than weights of single cells. Views of an image
that scale it differently each give a Gaussian kernel of the cosine distance, which library searches rank spectra by; their
mean is the kernel (multiple kernel learning with equal weights, Gönen and Alpaydın 2011, section 3.1). It takes seconds.
"""

from typing import Self

import numpy as np
from sklearn.linear_model import LogisticRegression

from ...data.samples import Samples
from ...images.features import band_maxima
from ...training.context import FitContext
from ..arrays import ArrayModel, constant_logit
from ..evidence import Evidence
from .family import KernelSettings

#: Bins whose largest intensity is below this share of the largest bin's are not blown up (view ``time``).
FAINT_BIN = 1e-2

#: Directions of the training kernel with a smaller eigenvalue are noise of the arithmetic.
SMALLEST_EIGENVALUE = 1e-6


def bands_of(images: np.ndarray, settings: KernelSettings) -> np.ndarray:
    """Images without background, smoothed, the maximum of each band: float32 [n, masses, bands], not negative."""
    return band_maxima(images, settings.background, settings.smoothing, settings.bands)


def views_of(bands: np.ndarray, settings: KernelSettings) -> list[np.ndarray]:
    """What the kernels compare, each a float32 [n, columns] of unit length: 1 − d²/2 is the cosine of two samples.

    Setting ``views`` names them. ``intensity``: relative to the image's maximum; ``mass``: to the mass row's; ``time``: to
    the band's; ``spectrum``: each mass's maximum relative to the image's. All are raised to 1 / ``root`` first. With
    ``also_without``, all of them once more without these m/z.
    """
    parts = [bands]
    if settings.also_without:
        kept = ~np.isin(np.arange(bands.shape[1]), settings.also_without)
        parts.append(bands[:, kept])
    return [view for part in parts for view in _views(part, settings)]


def _views(bands: np.ndarray, settings: KernelSettings) -> list[np.ndarray]:
    tiny = np.finfo(np.float32).tiny
    top = np.maximum(bands.max(axis=(1, 2), keepdims=True), tiny)
    in_band = bands.max(axis=1, keepdims=True)
    views = {
        "intensity": lambda: bands / top,
        "mass": lambda: bands / np.maximum(bands.max(axis=2, keepdims=True), settings.floor * top),
        "time": lambda: bands / np.maximum(in_band, FAINT_BIN * top),
        "spectrum": lambda: bands.max(axis=2, keepdims=True) / top,
    }
    rooted = [(views[name]() ** (1 / settings.root)).reshape(len(bands), -1) for name in settings.views]
    return [view / np.maximum(np.linalg.norm(view, axis=1, keepdims=True), tiny) for view in rooted]


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of all rows of a [n, k] to all of b [m, k]: float64 [n, m]."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(squares, 0)


class Model(ArrayModel):
    """A fitted kernel model.

    Attributes:
        tensors: ``bands`` float32 [n, masses, bands] of the training part, ``scales`` float64 [views], the median squared
            distance there, and ``weights`` float64 [n, labels], ``side`` and ``bias`` float64 [labels].
    """

    @classmethod
    def fit(cls, training: Samples, validation: Samples, settings: KernelSettings, context: FitContext) -> Self:
        """Fits each label; the validation part is predicted, never used. No checkpoint: it takes seconds."""
        labels = context.labels
        bands = bands_of(training.inputs, settings)
        distances = [squared_distances(view, view) for view in views_of(bands, settings)]
        off_diagonal = ~np.eye(len(bands), dtype=bool)
        scales = np.array([max(np.median(d[off_diagonal]), np.finfo(np.float64).tiny) for d in distances])
        kernel = _kernel(distances, scales, settings.width)
        # In the coordinates whose inner products are the kernel, kernel logistic regression is the plain one.
        values, vectors = np.linalg.eigh(kernel)
        kept = values > SMALLEST_EIGENVALUE
        to_coordinates = vectors[:, kept] / np.sqrt(values[kept])
        coordinates = np.column_stack([kernel @ to_coordinates, training.side])
        weights, side, bias = np.zeros((len(bands), len(labels))), np.zeros(len(labels)), np.zeros(len(labels))
        for index in range(len(labels)):
            y = training.labels[:, index]
            if (constant := constant_logit(y)) is not None:
                bias[index] = constant[0]
            else:
                fitted = LogisticRegression(C=settings.c, max_iter=1000).fit(coordinates, y)
                weights[:, index] = to_coordinates @ fitted.coef_[0, :-1]
                side[index], bias[index] = fitted.coef_[0, -1], fitted.intercept_[0]
            context.fitted(index + 1)
        tensors = {"bands": bands, "scales": scales, "weights": weights, "side": side, "bias": bias}
        model = cls(tensors, settings, labels)
        model.validation_logits = model.logits(validation)
        return model

    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels]."""
        if len(samples) == 0:
            return np.empty((0, len(self.labels)), dtype=np.float32)
        known = views_of(self.tensors["bands"], self.settings)
        asked = views_of(bands_of(samples.inputs, self.settings), self.settings)
        distances = [squared_distances(*pair) for pair in zip(asked, known, strict=True)]
        kernel = _kernel(distances, self.tensors["scales"], self.settings.width)
        logits = kernel @ self.tensors["weights"] + np.outer(samples.side, self.tensors["side"]) + self.tensors["bias"]
        return logits.astype(np.float32)

    def evidence(self, samples: Samples, labels: np.ndarray) -> Evidence:
        """How each cell's share in the cosines with the training samples moves the logit, to first order; in logits.

        A view's cosine is a sum over cells, cos = Σ a·b, and the kernel exp(−width · (2 − 2 cos) / scale): its slope by the
        cosine, times the training sample's weight, times each cell's a·b, summed over training samples and views.
        ``labels``: int [n], one a sample.
        """
        known = views_of(self.tensors["bands"], self.settings)
        asked = views_of(bands_of(samples.inputs, self.settings), self.settings)
        masses, bands = self.tensors["bands"].shape[1:]
        width, weights = self.settings.width, self.tensors["weights"].T[labels]
        result = np.zeros((len(samples), masses, bands))
        views = len(self.settings.views)
        kept = np.arange(masses)
        for number, (a, b, scale) in enumerate(zip(asked, known, self.tensors["scales"], strict=True)):
            rows = kept if number < views else kept[~np.isin(kept, self.settings.also_without)]
            slopes = np.exp(-width * squared_distances(a, b) / scale) * weights * 2 * width / scale / len(known)
            parts = (a * (slopes @ b)).reshape(len(a), len(rows), -1)
            if parts.shape[2] == 1:  # view ``spectrum`` knows no time
                parts = np.repeat(parts / bands, bands, axis=2)
            result[:, rows] += parts
        sizes = [len(part) for part in np.array_split(np.arange(samples.inputs.shape[2]), bands)]
        image = np.repeat(result / sizes, sizes, axis=2).astype(np.float32)
        return Evidence(image.sum(axis=2), image)


def _kernel(distances: list[np.ndarray], scales: np.ndarray, width: float) -> np.ndarray:
    """The mean over views of exp(−width · d² / median d²)."""
    return np.mean([np.exp(-width * d / scale) for d, scale in zip(distances, scales, strict=True)], axis=0)
