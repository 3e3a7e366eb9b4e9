"""The sections of the configuration: every key with its type, bounds, default, and what it means."""

import math
from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .base import Settings

#: A number that starts the drawing of random ones.
Seed = Annotated[int, Field(ge=0, le=1_000_000_000)]


#: Most jobs that ever share a GPU.
MOST_SLOTS = 16


def _path(text: str) -> str:
    """A text that a file system can take as a path, and Snakemake, to which braces are wildcards and <…> are pathvars."""
    parts = text.encode("utf-8", "replace").split(b"/")
    if set("{}<>") & set(text) or len(text) >= 4096 or max(map(len, parts)) >= 256:
        raise ValueError(f"found {text!r}, allowed: a path without {{}}<>, each name shorter than 256 bytes")
    return text


def _unique(items: list) -> list:
    repeated = [item for item, count in Counter(items).items() if count > 1]
    if repeated:
        raise ValueError(f"{', '.join(map(repr, repeated))} occurs more than once")
    return items


#: A path of a file or folder.
PathText = Annotated[str, AfterValidator(_path)]

#: A list without repetitions.
Unique = AfterValidator(_unique)

#: The name of a run or of a model, which becomes a folder's.
Name = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]

Range = Annotated[list[float], Field(min_length=2, max_length=2)]

#: A number of rows or columns of an image; m/z that are left out; what is made of the intensities in a cell.
Cells = Annotated[int, Field(ge=16, le=4096)]
Masses = list[Annotated[int, Field(ge=0, le=100_000)]]
Statistic = Literal["sum", "mean"]

#: A quantile over time that is subtracted from each mass row first.
Background = Annotated[
    Annotated[float, Field(ge=0, le=1)] | None,
    Field(
        description="Quantile over time that is subtracted from each mass row first; 0 is the minimum, null subtracts "
        "nothing."
    ),
]


class Columns(Settings):
    """Names of the columns in a run's CSV."""

    time: str = Field("time", description="Retention or elapsed time.")
    mass: str = Field("mass", description="m/z.")
    intensity: str = Field("intensity", description="Ion counts or current.")


class Axis(Settings):
    """The x axis of the images."""

    column: str | None = Field(
        None, description="Column of a run's CSV; null is the time column. EGA-MS runs have a temperature column."
    )
    limits: Range | None = Field(
        None,
        description="Ends of the axis in its unit, rows outside are left out; null spreads each run over its own range.",
    )


class Side(Settings):
    """A binary fact on a sample that chooses its image channel (METHOD step 4)."""

    column: str = Field(description="Column of the metadata.")
    positive: str = Field(description="The value that means 1; any other, or none, means 0.")


class Dataset(Settings):
    """Where the runs and their labels are, and how to read them."""

    root: PathText | None = Field(None, description="Folder of the data set; null simulates the embedded example.")
    metadata: PathText = Field(
        "metadata.csv",
        description="CSV in `root` with the columns `sample_id`, `split`, `features_path` (relative to `root`), optionally "
        "`features_md5_hash`, and the side column.",
    )
    labels: Annotated[list[PathText], Field(min_length=1)] | None = Field(
        None,
        description="Label CSVs in `root` (`sample_id`, then one 0/1 column a label); null takes `train_labels.csv` and "
        "`val_labels.csv`, whichever exist.",
    )
    submission_format: PathText = Field(
        "submission_format.csv",
        description="CSV in `root` whose rows and columns the submission follows, if it exists.",
    )
    columns: Columns = Field(Columns(), description="Names of the columns in a run's CSV.")
    axis: Axis = Field(Axis(), description="The x axis of the images.")
    side: Side | None = Field(None, description="A binary fact on a sample that chooses its image channel (METHOD step 4).")
    folds: PathText | None = Field(
        None, description="CSV with `sample_id,fold` in `root` that is used instead of drawing folds."
    )

    @property
    def run_columns(self) -> dict[str, str]:
        """A run's columns by what they are: ``axis``, ``mass``, ``intensity``, ``time``."""
        return {"axis": self.axis.column or self.columns.time, **self.columns.model_dump()}


class Example(Settings):
    """The embedded example data, simulated when `dataset.root` is null."""

    runs: int = Field(200, ge=40, le=10_000, description="Number of runs.")
    seed: Seed = Field(42, description="Seed of the simulation.")


class Images(Settings):
    """The mass × time images (METHOD steps 1–3)."""

    masses: Cells = Field(256, description="Rows: m/z 0 to masses − 1.")
    times: Cells = Field(192, description="Bins of the x axis.")
    drop_masses: Masses = Field([4], description="m/z that are left out, such as the carrier gas helium.")
    statistic: Statistic = Field(
        "sum",
        description="Of the intensities in a cell. mean where bins are hardly longer than scans: then sums differ by how "
        "many scans fell into a bin, and a background cannot be subtracted.",
    )
    shards: int = Field(4, ge=1, le=1000, description="Jobs that render_images is split into.")


#: Groups of columns of extract_features.
Group = Literal["log_maximum", "log_mean", "time_of_maximum", "centroid", "spread", "width", "bands", "mass_bands"]


class Features(Settings):
    """Statistics of the images for table models."""

    bands: int = Field(16, ge=1, le=4096, description="Bands of the x axis; must divide images.times.")
    floor: float = Field(0.0001, gt=0, le=0.1, description="Smallest relative intensity that is told apart from nothing.")
    background: Background = None
    smoothing: int = Field(
        0,
        ge=0,
        le=16,
        description="Bins on either side that a triangular window reaches, which smooths each mass row first.",
    )


class Folds(Settings):
    """Cross-validation."""

    count: int = Field(5, ge=2, le=50, description="Number of folds.")
    seed: Seed = Field(42, description="Seed of the stratification.")
    group: str | None = Field(
        None,
        description="Column of the metadata whose equal values stay in one fold, such as replicates of a sample; empty "
        "cells are groups of their own.",
    )
    alike: Annotated[float, Field(ge=0.9, le=0.9999)] | None = Field(
        None,
        description="Runs of split train whose images have at least this cosine similarity stay in one fold, as do chains "
        "of such runs: replicates that no column names. 0.995 finds near-identical runs, which are reported where they are "
        "in different folds.",
    )
    train_val: bool = Field(
        False, description="Add labelled samples outside the train split to the training part of every fold."
    )
    held_out: Annotated[list[str], Unique] = Field(
        [],
        description="Labelled splits that train_val leaves out. Labelled samples that are in no training part are scored, "
        "by split, in metrics.json and on the leaderboard.",
    )


class Gpu(Settings):
    """Which GPUs train, on each host. Changing it trains nothing again."""

    devices: Annotated[list[int | str], Field(min_length=1)] | None = Field(
        None,
        description="Indices (nvidia-smi's) or UUIDs, for a box that others use too; null is all that "
        "CUDA_VISIBLE_DEVICES leaves.",
    )
    slots: Annotated[int, Field(ge=1, le=MOST_SLOTS)] | Literal["auto"] = Field(
        1,
        description="Jobs that share a GPU. auto: as many as its memory holds, once the first job of a kind has measured "
        "what it takes.",
    )


class Ensemble(Settings):
    """METHOD, Ensemble."""

    without: Annotated[list[str], Unique] = Field(
        [], description="Models that are scored beside it, such as a library search, and have no part in it."
    )
    method: Literal["auto", "select", "temper", "weigh", "adapt", "stack"] = Field(
        "auto",
        description="select: the plain mean of chosen models, METHOD's own; temper: the mean of all models at their best "
        "temperatures; weigh: one weight a model; adapt: one that depends on how near a sample is to what the model "
        "learnt; stack: one a model and label; auto: the one with the lowest cross-validated log loss.",
    )
    ridge: float = Field(
        0.003,
        gt=0,
        le=1_000_000,
        description="weigh and stack: penalty on squared distances from equal weights (stack: from weigh's).",
    )
    novelty_ridge: float = Field(
        0.01, gt=0, le=1_000_000, description="adapt: penalty on squared slopes of the weights by a sample's novelty."
    )
    clip: float = Field(
        0.0001, gt=0, lt=0.5, description="Probabilities are clipped to [clip, 1 − clip] before logits are averaged."
    )
    shrinkages: int = Field(20, ge=1, le=1000, description="Shrinkages tried in the selection loss besides 0.")
    shrinkage_range: Annotated[list[Annotated[float, Field(gt=0, lt=0.5)]], Field(min_length=2, max_length=2)] = Field(
        [0.00001, 0.1], description="Smallest and largest shrinkage, log-spaced."
    )


class Report(Settings):
    """How much the report shows; its figures are made for print and colour-blind readers."""

    samples: int = Field(2, ge=1, le=50, description="Samples of each label that get a page.")
    mistakes: int = Field(12, ge=0, le=200, description="Most confident mistakes that get one.")
    evidence: int = Field(
        40, ge=1, le=100_000, description="True positives of a label, the surest first, whose evidence is averaged."
    )


class Sections(Settings):
    """Every key with its type, meaning and default; `models` and `defaults`, beside these, are the families'."""

    run: Name = Field("example", description="Name of the run; everything is written to `results/{run}/`.")
    seed: Seed = Field(0, description="Added to the seed of every model, to repeat a whole run by chance; the folds stay.")
    dataset: Dataset = Field(Dataset(), description="Where the runs and their labels are, and how to read them.")
    example: Example = Field(Example(), description="The embedded example data, simulated when `dataset.root` is null.")
    images: Images = Field(Images(), description="The mass × time images (METHOD steps 1–3).")
    features: Features = Field(Features(), description="Statistics of the images for table models.")
    folds: Folds = Field(Folds(), description="Cross-validation.")
    gpu: Gpu = Field(Gpu(), description="Which GPUs train, on each host. Changing it trains nothing again.")
    ensemble: Ensemble = Field(Ensemble(), description="METHOD, Ensemble.")
    report: Report = Field(
        Report(), description="How much the report shows; its figures are made for print and colour-blind readers."
    )
    model: PathText | None = Field(None, description="`snakemake predict`: the exported folder that answers.")
    new: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="`snakemake predict`: a folder of runs, with or without a metadata.csv, or files: CSV, mzML, or "
        "ANDI-MS netCDF.",
    )
    predictions: Annotated[PathText, Field(min_length=1)] = Field(
        "predictions", description="`snakemake predict`: the folder that is written."
    )

    def problems(self) -> list[str]:
        """What contradicts itself, a line ``key: …`` each; models are looked at by their families."""
        found, limits, shrinkages = [], self.dataset.axis.limits, self.ensemble.shrinkage_range
        columns = self.dataset.columns.model_dump()
        if limits and not 0 < limits[1] - limits[0] < math.inf:
            found.append(f"dataset.axis.limits: found {limits}, the first must be smaller than the second")
        if len(set(columns.values())) < 3 or self.dataset.axis.column in (columns["mass"], columns["intensity"]):
            found.append(f"dataset.columns: found {columns}, each must be another column of a run, and so must the axis")
        if self.images.times % self.features.bands:
            found.append(f"features.bands: {self.features.bands} does not divide images.times = {self.images.times}")
        if self.folds.alike and self.dataset.folds:
            found.append("folds.alike: dataset.folds says which folds there are; set one of the two")
        if shrinkages[0] > shrinkages[1]:
            found.append(f"ensemble.shrinkage_range: found {shrinkages}, the first must not exceed the second")
        return found
