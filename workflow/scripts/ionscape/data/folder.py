"""Which files make a data set, without reading them: what the rules need to know when the workflow is parsed."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..config.sections import Dataset
from ..errors import InputError
from ..files.paths import resolve_inside

DEFAULT_LABELS = ("train_labels.csv", "val_labels.csv")

#: How the embedded example is laid out: as a data set of which nothing is said.
EXAMPLE = Dataset()


@dataclass(frozen=True)
class DataFolder:
    """A data set's files.

    Attributes:
        root: the folder.
        metadata: path of the metadata.
        labels: paths of the label files.
        submission_format: path, or None.
        folds: path of given folds, or None.
    """

    root: str
    metadata: str
    labels: list[str]
    submission_format: str | None
    folds: str | None


def find_files(dataset: Dataset, example: str) -> DataFolder:
    """The files of the configured data set. Its folder may be anywhere, its files are in it.

    Args:
        example: folder of the embedded example, used when ``root`` is null.

    Raises:
        InputError: the folder or one of its files is missing, or a file is elsewhere; names the config's key.
    """
    if dataset.root is None:
        return _example_files(dataset, Path(example))
    root = Path(os.path.expanduser(dataset.root))
    if not os.path.isdir(root):
        raise InputError(
            f"dataset.root: {str(root)!r} is not a folder (looked in {Path.cwd()}); put the data there, or name its "
            "folder: --config 'dataset={root: FOLDER}'"
        )

    def place(key: str, name: str) -> str:
        try:
            return str(resolve_inside(root, name))
        except InputError as error:
            raise InputError(f"dataset.{key}: {error}") from error

    def existing(key: str, name: str) -> str:
        path = place(key, name)
        if not os.path.exists(path):
            raise InputError(f"dataset.{key}: {path}: no such file")
        return path

    labels = dataset.labels or [name for name in DEFAULT_LABELS if os.path.exists(root / name)]
    if not labels:
        raise InputError(f"dataset.labels: {root} has neither {' nor '.join(DEFAULT_LABELS)}; name the label files")
    submission = place("submission_format", dataset.submission_format)
    return DataFolder(
        root=str(root),
        metadata=existing("metadata", dataset.metadata),
        labels=[existing("labels", name) for name in labels],
        submission_format=submission if os.path.exists(submission) else None,
        folds=existing("folds", dataset.folds) if dataset.folds else None,
    )


def _example_files(dataset: Dataset, root: Path) -> DataFolder:
    for key in ("metadata", "labels", "submission_format", "folds"):
        if (found := getattr(dataset, key)) != getattr(EXAMPLE, key):
            raise InputError(f"dataset.{key}: {found!r} is of a data set; name its folder by dataset.root")
    return DataFolder(
        root=str(root),
        metadata=str(root / EXAMPLE.metadata),
        labels=[str(root / name) for name in DEFAULT_LABELS],
        submission_format=str(root / EXAMPLE.submission_format),
        folds=None,
    )
