"""Which files make a data set, without reading them: what the rules need to know when the workflow is parsed."""

from dataclasses import dataclass
from pathlib import Path

from .errors import InputError

DEFAULT_LABELS = ("train_labels.csv", "val_labels.csv")


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


def find_files(dataset: dict, example: str) -> DataFolder:
    """The files of the configured data set.

    Args:
        dataset: the config's ``dataset``.
        example: folder of the embedded example, used when ``root`` is null.

    Raises:
        InputError: the folder or one of its files is missing; names the config's key.
    """
    simulated = dataset["root"] is None
    root = Path(example if simulated else dataset["root"]).expanduser()
    if simulated:
        labels, submission = list(DEFAULT_LABELS), dataset["submission_format"]
    else:
        if not root.is_dir():
            raise InputError(
                f"dataset.root: {str(root)!r} is not a folder (looked in {Path.cwd()}); put the data there, or name its "
                "folder: --config 'dataset={root: FOLDER}'"
            )
        labels = dataset["labels"] or [name for name in DEFAULT_LABELS if (root / name).exists()]
        if not labels:
            raise InputError(f"dataset.labels: {root} has neither {' nor '.join(DEFAULT_LABELS)}; name the label files")
        for key, name in [("metadata", dataset["metadata"]), *(("labels", name) for name in labels)]:
            if not (root / name).exists():
                raise InputError(f"dataset.{key}: {root / name}: no such file")
        submission = dataset["submission_format"] if (root / dataset["submission_format"]).exists() else None
        if dataset["folds"] and not (root / dataset["folds"]).exists():
            raise InputError(f"dataset.folds: {root / dataset['folds']}: no such file")
    return DataFolder(
        root=str(root),
        metadata=str(root / dataset["metadata"]),
        labels=[str(root / name) for name in labels],
        submission_format=str(root / submission) if submission else None,
        folds=str(root / dataset["folds"]) if dataset["folds"] else None,
    )
