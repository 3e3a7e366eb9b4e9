"""metrics.json: how well a run's models and its ensemble answer, and how far to trust that."""

from typing import ClassVar

from pydantic import Field

from ..files.record import Document, Record

Interval = tuple[float, float]


class LabelScore(Record):
    """Of one label. Average precision and ROC AUC are None where it has one class only."""

    log_loss: float
    average_precision: float | None = None
    roc_auc: float | None = None
    positives: int


class Score(Record):
    """Of one set of probabilities: the mean over labels, and by label. The interval is the log loss's, 95 %."""

    log_loss: float
    log_loss_interval: Interval
    average_precision: float | None = None
    roc_auc: float | None = None
    labels: dict[str, LabelScore]
    log_loss_by_fold: list[float] = Field([])


class HeldOut(Record):
    """Of a labelled split that took no part in anything."""

    samples: int
    ensemble: Score
    models: dict[str, Score]


class Gain(Record):
    """What a family adds: the nested log loss without it, the gain, and the gain's paired interval."""

    without: float
    gain: float
    gain_interval: Interval


class Part(Record):
    """Log losses on a part of the samples; None where it has none."""

    samples: int
    ensemble_nested: float | None = None
    models: dict[str, float] = Field({})


class SplitByReplicates(Record):
    """Samples of which another fold holds a near-identical run, and the others."""

    near_identical: Part
    others: Part


class SimilarityBin(Record):
    """Samples whose nearest run was about as similar: the mean cosine, how many, and their nested log loss."""

    similarity: float
    samples: int
    log_loss: float


class Reliability(Record):
    """A reliability diagram: expected calibration error, and of each bin that has samples the means and their number."""

    ece: float
    probability: list[float]
    frequency: list[float]
    count: list[int]


class Suspect(Record):
    """A label that every model contradicts; probability: of the given value, by its best model."""

    sample_id: str
    label: str
    value: int
    probability: float


class Step(Record):
    """A subset on a walk of METHOD's selection, and its loss."""

    members: list[str]
    loss: float


class Correlations(Record):
    """Pearson correlation of the models' logits, [models][models]; None with a model whose logits are all alike."""

    models: list[str]
    logits: list[list[float | None]]


class RunMetrics(Document):
    """metrics.json.

    Attributes:
        samples: how many were scored; baseline: by constant label frequencies; models: by name.
        learnt_from: model → how many samples a fit learns from, the mean over its folds; baseline_from: the frequencies.
        ensemble: on the labels that it was fitted to; ensemble_nested: fitted on the other folds each time.
        methods_nested: way of blending → nested log loss; families, walks, correlations, replicates, calibration (by label,
        and ``all``), suspects: see their types; held_out: by split; similarity: from the farthest to the nearest samples.
    """

    kind: ClassVar[str] = "metrics"

    samples: int
    baseline: Score
    models: dict[str, Score]
    learnt_from: dict[str, int] = Field({})
    baseline_from: int | None = None
    ensemble: Score
    ensemble_nested: Score
    methods_nested: dict[str, float]
    families: dict[str, Gain]
    walks: dict[str, list[Step]]
    correlations: Correlations
    replicates: SplitByReplicates
    similarity: list[SimilarityBin] = Field([])
    calibration: dict[str, Reliability]
    suspects: list[Suspect]
    held_out: dict[str, HeldOut]
