"""Family ``table``: one LightGBM or logistic regression a label on extract_features."""

from concurrent.futures import ThreadPoolExecutor
from typing import Self

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ...data.samples import Samples
from ...errors import Interrupted
from ...images.features import BANDED, feature_names
from ...training.context import FitContext
from ..arrays import ArrayModel, constant_logit
from ..evidence import Evidence
from .family import TableSettings

#: Inputs that are named for each sample.
NAMED = 8


class Model(ArrayModel):
    """A fitted table model.

    Attributes:
        tensors: what the classifiers are, by name: for LightGBM ``trees/{label}``, its model text (uint8); for logistic
            regression ``scaler/mean``, ``scaler/scale`` [columns] and ``weight/{label}``, ``bias/{label}``;
            ``constant/{label}`` for labels of one class.
    """

    @classmethod
    def fit(cls, training: Samples, validation: Samples, settings: TableSettings, context: FitContext) -> Self:
        """Fits each label with one thread, so many at a time as there are threads; the validation part is predicted, never
        used. A fit takes seconds: it keeps no checkpoint."""
        labels = context.labels
        x = _columns(training)
        tensors: dict[str, np.ndarray] = {}
        if settings.algorithm == "logistic_regression":
            scaler = StandardScaler().fit(x)
            tensors |= {"scaler/mean": scaler.mean_, "scaler/scale": scaler.scale_}
            x = scaler.transform(x)

        def fit_label(index: int) -> dict[str, np.ndarray]:
            y = training.labels[:, index]
            if (constant := constant_logit(y)) is not None:
                return {f"constant/{labels[index]}": constant}
            if settings.algorithm == "logistic_regression":
                return _fit_logistic(x, y, labels[index], settings)
            return _fit_lightgbm(x, y, labels[index], settings)

        with ThreadPoolExecutor(context.threads) as pool:
            for done, fitted in enumerate(pool.map(fit_label, range(len(labels))), start=1):
                tensors |= fitted
                try:
                    context.fitted(done)
                except Interrupted:
                    pool.shutdown(cancel_futures=True)
                    raise
        model = cls(tensors, settings, labels)
        model.validation_logits = model.logits(validation)
        return model

    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels]."""
        x = _columns(samples)
        result = np.empty((len(x), len(self.labels)), dtype=np.float32)
        if len(x) == 0:
            return result
        if "scaler/mean" in self.tensors:
            x = (x - self.tensors["scaler/mean"]) / self.tensors["scaler/scale"]
        for index, label in enumerate(self.labels):
            if f"constant/{label}" in self.tensors:
                result[:, index] = self.tensors[f"constant/{label}"]
            elif f"trees/{label}" in self.tensors:
                booster = lightgbm.Booster(model_str=self.tensors[f"trees/{label}"].tobytes().decode())
                result[:, index] = booster.predict(x, raw_score=True, num_threads=1)
            else:
                result[:, index] = x @ self.tensors[f"weight/{label}"] + self.tensors[f"bias/{label}"]
        return result

    def evidence(self, samples: Samples, labels: np.ndarray) -> Evidence:
        """What each column adds to the logit, relative to what is usual, summed over the columns of an m/z.

        LightGBM: SHAP values (Lundberg et al. 2020, TreeSHAP); logistic regression: weight times standardized value, which
        is the same for a linear model of independent columns. ``labels``: int [n], one a sample.
        """
        x = _columns(samples)
        parts = np.zeros(x.shape)
        for label in np.unique(labels):
            rows = labels == label
            parts[rows] = self._contributions(x[rows], self.labels[label])
        masses, bands = self.inputs["masses"], self.inputs["bands"]
        of_mass = np.zeros((len(x), masses), dtype=np.float32)
        names = feature_names(masses, bands)
        start = 0
        for group in self.settings.features:
            width = len(names[group])
            block = parts[:, start : start + width].reshape(len(x), masses, bands if group in BANDED else 1)
            of_mass += block.sum(axis=2)
            start += width
        columns = [column for group in self.settings.features for column in names[group]] + ["side flag"]
        order = np.argsort(-np.abs(parts), axis=1)[:, :NAMED]
        top = [[(columns[c], float(row[c])) for c in chosen if row[c]] for row, chosen in zip(parts, order, strict=True)]
        return Evidence(of_mass, top=top)

    def _contributions(self, x: np.ndarray, label: str) -> np.ndarray:
        """Of each column, in logits: [n, columns]."""
        if f"trees/{label}" in self.tensors:
            booster = lightgbm.Booster(model_str=self.tensors[f"trees/{label}"].tobytes().decode())
            return np.asarray(booster.predict(x, pred_contrib=True, num_threads=1))[:, :-1]
        if f"weight/{label}" in self.tensors:
            return (x - self.tensors["scaler/mean"]) / self.tensors["scaler/scale"] * self.tensors[f"weight/{label}"]
        return np.zeros(x.shape)


def _columns(samples: Samples) -> np.ndarray:
    """The features and, as the last column, the side flag."""
    return np.column_stack([samples.inputs, samples.side.astype(np.float32)])


def _fit_lightgbm(x: np.ndarray, y: np.ndarray, label: str, settings: TableSettings) -> dict[str, np.ndarray]:
    parameters = {
        "objective": "binary",
        "learning_rate": settings.rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.leaf_samples,
        "extra_trees": settings.extra_trees,
        "feature_fraction": settings.column_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1,
        "lambda_l2": settings.l2,
        "seed": settings.seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    booster = lightgbm.train(parameters, lightgbm.Dataset(x, y), num_boost_round=settings.trees)
    return {f"trees/{label}": np.frombuffer(booster.model_to_string().encode(), dtype=np.uint8)}


def _fit_logistic(x: np.ndarray, y: np.ndarray, label: str, settings: TableSettings) -> dict[str, np.ndarray]:
    fitted = LogisticRegression(C=settings.c, max_iter=1000).fit(x, y)
    return {f"weight/{label}": fitted.coef_[0].astype(np.float64), f"bias/{label}": fitted.intercept_}
