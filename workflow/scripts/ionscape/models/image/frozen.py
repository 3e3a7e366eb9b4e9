"""Head ``frozen``: the linear layer on a backbone that stays as it is."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from ...training.context import FitContext
from ..arrays import constant_logit


def fit_classifier(layer: nn.Linear, features: np.ndarray, labels: np.ndarray, c: float, context: FitContext) -> None:
    """Sets the layer's weights to one logistic regression a label, on standardized features, in place.

    Args:
        features: float32 [widths, n, columns], of the samples at each width; a sample counts once in all.
        labels: float32 [n, labels], 0 or 1; c: inverse regularization strength.
    """
    widths, n, columns = features.shape
    flat = features.reshape(widths * n, columns).astype(np.float64)
    scaler = StandardScaler().fit(flat)
    x, once = scaler.transform(flat), np.full(widths * n, 1 / widths)
    weight, bias = np.zeros((labels.shape[1], columns)), np.zeros(labels.shape[1])
    for index in range(labels.shape[1]):
        y = labels[:, index]
        if (constant := constant_logit(y)) is not None:
            bias[index] = constant[0]
        else:
            fitted = LogisticRegression(C=c, max_iter=1000).fit(x, np.tile(y, widths), sample_weight=once)
            weight[index] = fitted.coef_[0] / scaler.scale_
            bias[index] = fitted.intercept_[0] - weight[index] @ scaler.mean_
        context.fitted(index + 1)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
