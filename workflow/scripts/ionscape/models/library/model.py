"""Family ``library``: a yardstick, how alike a run's mass spectrum is to what each label's runs look like on average.

The library is the mean mass spectrum of each label's training samples. A sample's match with it is their cosine, with
intensities and m/z raised to powers as library searches do (Stein and Scott 1994); a logistic curve makes it a probability.
It knows nothing of time: a search of each deconvoluted peak against reference spectra would know more.
"""

from typing import Self

import numpy as np
from sklearn.linear_model import LogisticRegression

from ...data.samples import Samples
from ...images.features import BLOCK, prepare
from ...training.context import FitContext
from ..arrays import ArrayModel, constant_logit
from ..evidence import Evidence
from .family import LibrarySettings

#: Inverse regularization strength of the logistic curve: two numbers a label need next to none.
CURVE_C = 1e3


def spectra_of(images: np.ndarray, settings: LibrarySettings) -> np.ndarray:
    """The mass spectrum of each whole run: float64 [n, masses] of unit length, 0 for an empty image.

    Args:
        images: float32 [n, masses, times]; settings: ``background``, ``intensity_power``, ``mass_power``.
    """
    summed = np.empty(images.shape[:2])
    for start in range(0, len(images), BLOCK):
        prepared = prepare(images[start : start + BLOCK], settings.background, 0)
        summed[start : start + BLOCK] = np.maximum(prepared, 0).sum(axis=2, dtype=np.float64)
    weighted = summed**settings.intensity_power * np.arange(images.shape[1]) ** settings.mass_power
    return _unit(weighted)


def _unit(spectra: np.ndarray) -> np.ndarray:
    return spectra / np.maximum(np.linalg.norm(spectra, axis=1, keepdims=True), np.finfo(np.float64).tiny)


class Model(ArrayModel):
    """A fitted library.

    Attributes:
        tensors: ``spectra`` float64 [labels, masses], of unit length; ``slope`` and ``bias`` float64 [labels] of the curve.
    """

    @classmethod
    def fit(cls, training: Samples, validation: Samples, settings: LibrarySettings, context: FitContext) -> Self:
        """Averages each label's spectra and fits its curve; the validation part is predicted, never used. No checkpoint."""
        labels = context.labels
        spectra = spectra_of(training.inputs, settings)
        known = np.zeros((len(labels), spectra.shape[1]))
        slope, bias = np.zeros(len(labels)), np.zeros(len(labels))
        for index in range(len(labels)):
            y = training.labels[:, index]
            if (constant := constant_logit(y)) is not None:
                bias[index] = constant[0]
            else:
                known[index] = _unit(spectra[y > 0].mean(axis=0, keepdims=True))[0]
                curve = LogisticRegression(C=CURVE_C).fit(spectra @ known[index][:, None], y)
                slope[index], bias[index] = curve.coef_[0, 0], curve.intercept_[0]
            context.fitted(index + 1)
        model = cls({"spectra": known, "slope": slope, "bias": bias}, settings, labels)
        model.validation_logits = model.logits(validation)
        return model

    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels]."""
        match = spectra_of(samples.inputs, self.settings) @ self.tensors["spectra"].T
        return (match * self.tensors["slope"] + self.tensors["bias"]).astype(np.float32)

    def evidence(self, samples: Samples, labels: np.ndarray) -> Evidence:
        """What each m/z adds to the match, times the curve's slope: logits. ``labels``: int [n], one a sample."""
        known = self.tensors["spectra"][labels] * self.tensors["slope"][labels][:, None]
        parts = spectra_of(samples.inputs, self.settings) * known
        return Evidence(parts.astype(np.float32))
