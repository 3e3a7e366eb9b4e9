"""A finished run's ensemble as one folder that answers for new samples, without the training data."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..config.grid import Grid
from ..errors import InputError, InputErrors
from ..files.artifact import read_json, write_json
from ..files.atomic import atomic_folder, write_text
from ..files.paths import require_regular_file, resolve_inside
from ..files.versions import FORMATS
from ..models.saved import FACTS, WEIGHTS, sha256
from .manifest import strange_facts, strange_model

#: What a fitted model is made of.
MODEL_FILES = (WEIGHTS, FACTS)


@dataclass(frozen=True)
class Exported:
    """An exported ensemble.

    Attributes:
        folder: where it is.
        facts: its model.json: ``run``, ``labels``, ``columns``, ``grid``, ``side``, ``features``, ``known`` (ranges of the
            training runs, by side flag), ``trained_on`` (how many they are), ``members`` (model → its folds), ``files``
            (path → SHA-256).
        ensemble: its ensemble.json: ``members``, ``weights``, ``bias``, ``clip``.
    """

    folder: Path
    facts: dict
    ensemble: dict

    @property
    def grid(self) -> Grid:
        """The cells of its images."""
        grid = self.facts["grid"]
        limits = tuple(grid["limits"]) if grid["limits"] else None
        return Grid(**{**grid, "drop_masses": tuple(grid["drop_masses"]), "limits": limits})

    def model(self, name: str, fold: int) -> Path:
        """The folder of a member's fold."""
        return self.folder / "models" / name / f"fold{fold}"


def export_ensemble(
    models: Path,
    ensemble: dict,
    facts: dict,
    card: str,
    target: Path,
    folds: Iterable[int],
    progress: Callable[[int, int], None],
) -> None:
    """Writes the folder, whole or not at all.

    Args:
        models: ``results/{run}/models``; ensemble: ensemble.json; folds: that every model was trained on.
        facts: of model.json but ``members`` and ``files``; card: text of README.md.
        progress: called with (files written, files).
    """
    folds = list(folds)
    copied = [(name, fold, file) for name in ensemble["members"] for fold in folds for file in MODEL_FILES]
    digests = {}
    with atomic_folder(target) as folder:
        for done, (name, fold, file) in enumerate(copied, start=1):
            place = Path("models") / name / f"fold{fold}" / file
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(models / name / f"fold{fold}" / file, folder / place)
            digests[place.as_posix()] = sha256(folder / place)
            progress(done, len(copied))
        write_json(folder / "ensemble.json", ensemble, "ensemble")
        digests["ensemble.json"] = sha256(folder / "ensemble.json")
        members = dict.fromkeys(ensemble["members"], folds)
        write_json(folder / "model.json", {**facts, "members": members, "files": digests}, "export")
        write_text(folder / "README.md", card)


def open_export(folder: str | Path) -> Exported:
    """An exported ensemble, every file checked.

    Raises:
        InputError: not an exported folder, one of another version, a file that is missing, elsewhere, or not as it was
            written, or facts that no export of ours has: the folder may be anybody's.
    """
    folder = Path(folder)
    if not os.path.isfile(folder / "model.json"):
        raise InputError(f"{folder}: is no exported model, model.json is missing; `snakemake export` makes one")
    facts, rule = _read(folder, "model.json", "export"), FORMATS["export"][1]
    ensemble = _read(folder, "ensemble.json", "ensemble")
    if problems := strange_facts(facts, ensemble):
        raise InputErrors(f"{folder}: is no exported model that can be used:", problems)
    exported = Exported(folder, facts, ensemble)
    listed = set(facts["files"])
    if "ensemble.json" not in listed:
        raise InputError(f"{folder}/model.json: files has no ensemble.json; copy the exported folder again")
    for name, folds in facts["members"].items():
        for place in (exported.model(name, fold).relative_to(folder) for fold in folds):
            for file in (place / part for part in MODEL_FILES):
                if file.as_posix() not in listed:
                    raise InputError(f"{folder}/model.json: files has no {file}; copy the exported folder again")
            own = _read(folder, (place / FACTS).as_posix(), "model")
            if problems := strange_model(own, f"{place}/model.json"):
                raise InputErrors(f"{folder}: is no exported model that can be used:", problems)
    for name, digest in facts["files"].items():
        path = resolve_inside(folder, name)
        if not os.path.isfile(path):
            raise InputError(f"{path}: is missing; copy the exported folder again, or run rule {rule} again")
        if sha256(path) != digest:
            raise InputError(f"{path}: is not as it was exported (SHA-256 differs); copy the exported folder again")
    return exported


def _read(folder: Path, name: str, kind: str) -> dict:
    """A JSON file of an exported folder, which is in the folder and a file."""
    return read_json(require_regular_file(resolve_inside(folder, name), "the exported model's file"), kind)
