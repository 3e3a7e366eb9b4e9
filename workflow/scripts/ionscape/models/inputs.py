"""What a model is fitted on and asked with."""

import numpy as np

from ..config.model_settings import ModelSettings
from ..config.sections import Features
from ..data.samples import Samples, SampleTable
from ..errors import InputError
from ..files.artifact import read_table
from ..files.vectors import vectors
from ..images.features import extract_features, prepare
from ..images.normalization import normalize
from ..images.store import load_images
from .family import families


def load_inputs(path: str, settings: ModelSettings) -> tuple[list[str], np.ndarray, dict]:
    """What a model is fitted on: (sample_ids, float32 array, facts of the file)."""
    if families()[settings.family].inputs == "images":
        return load_images(path)
    groups = settings.input_features
    table, facts = read_table(path, "features", columns=["sample_id", *groups])
    return table["sample_id"].to_pylist(), np.hstack([vectors(table[group]) for group in groups]), facts


def inputs_of(images: np.ndarray, settings: ModelSettings, features: Features) -> np.ndarray:
    """What a model is fed of images [n, masses, times] after METHOD step 3: normalized, or features [n, columns].

    Args:
        settings: of the model; features: the configuration's.
    """
    if families()[settings.family].inputs == "images":
        return normalize(images, settings.input_normalization)
    prepared = prepare(images, features.background, features.smoothing)
    groups = extract_features(prepared, features.bands, features.floor)
    return np.hstack([groups[name] for name in settings.input_features])


def with_inputs(table: SampleTable, ids: list[str], inputs: np.ndarray) -> Samples:
    """All samples, joined with what a model is fitted on.

    Raises:
        InputError: the inputs are of other samples, or in another order.
    """
    if table.ids != ids:
        raise InputError("the images or features are not of the samples in samples.parquet; make them again")
    return Samples(ids, inputs, table.side, table.truth)
