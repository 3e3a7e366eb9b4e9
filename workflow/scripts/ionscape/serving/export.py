"""A finished run's ensemble as one folder that answers for new samples, without the training data."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError, InputErrors
from ..evaluation.ensemble import Ensemble
from ..evaluation.novelty import Known
from ..files.artifact import read_json
from ..files.atomic import atomic_folder, write_text
from ..files.paths import require_regular_file, resolve_inside
from ..files.versions import FORMATS
from ..models.saved import FACTS, WEIGHTS, sha256
from .manifest import Manifest, strange_ensemble, strange_known, strange_manifest, strange_model

#: What a fitted model is made of.
MODEL_FILES = (WEIGHTS, FACTS)

#: The runs that were learnt from.
KNOWN = "known.parquet"


@dataclass(frozen=True)
class Exported:
    """An exported ensemble.

    Attributes:
        folder: where it is; manifest: its model.json; ensemble: its ensemble.json, with the manifest's order of labels.
        known: the runs that it learnt from; None in a folder of an earlier version.
    """

    folder: Path
    manifest: Manifest
    ensemble: Ensemble
    known: Known | None

    def model(self, name: str, fit: int | str) -> Path:
        """The folder of a member's fit."""
        return self.folder / "models" / folder_of(name, fit)


def folder_of(name: str, fit: int | str) -> Path:
    """Where a model's fold, or its ``refit``, is among the models."""
    return Path(name) / (fit if isinstance(fit, str) else f"fold{fit}")


def export_ensemble(
    models: Path,
    known: Path,
    ensemble: Ensemble,
    manifest: Manifest,
    card: str,
    target: str | Path,
    progress: Callable[[int, int], None],
) -> None:
    """Writes the folder, whole or not at all.

    Args:
        models: ``results/{run}/models``; known: ``known.parquet``; card: text of README.md.
        manifest: but for its ``files``, which are listed here.
        progress: called with (files written, files).
    """
    folders = [folder_of(name, fit) for name, fits in manifest.members.items() for fit in fits]
    copied = [folder / file for folder in folders for file in MODEL_FILES]
    digests = {}
    with atomic_folder(target) as folder:
        for done, file in enumerate(copied, start=1):
            place = Path("models") / file
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(models / file, folder / place)
            digests[place.as_posix()] = sha256(folder / place)
            progress(done, len(copied))
        ensemble.write(folder / "ensemble.json")
        shutil.copyfile(known, folder / KNOWN)
        digests |= {name: sha256(folder / name) for name in ("ensemble.json", KNOWN)}
        manifest.model_copy(update={"files": digests}).write(folder / "model.json")
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
    facts = _read(folder, "model.json", "export")
    if problems := strange_manifest(facts):
        raise InputErrors(f"{folder}: is no exported model that can be used:", problems)
    manifest = Manifest.model_validate({name: facts[name] for name in Manifest.model_fields})
    ensemble = Ensemble.read(_regular(folder, "ensemble.json"))
    if problems := strange_ensemble(ensemble, manifest.members, manifest.labels):
        raise InputErrors(f"{folder}: is no exported model that can be used:", problems)
    exported = Exported(folder, manifest, ensemble.in_order(manifest.labels), None)
    _check_members(exported)
    _check_files(folder, manifest.files)
    if KNOWN not in manifest.files:
        return exported
    known = Known.read(_regular(folder, KNOWN))
    if problems := strange_known(known, manifest):
        raise InputErrors(f"{folder}: is no exported model that can be used:", problems)
    return replace(exported, known=known)


def _check_members(exported: Exported) -> None:
    """Raises InputError: a member's file is not listed, or its model.json is none that we write."""
    folder, listed = exported.folder, exported.manifest.files
    if "ensemble.json" not in listed:
        raise InputError(f"{folder}/model.json: files has no ensemble.json; copy the exported folder again")
    for name, folds in exported.manifest.members.items():
        for place in (exported.model(name, fold).relative_to(folder) for fold in folds):
            for file in (place / part for part in MODEL_FILES):
                if file.as_posix() not in listed:
                    raise InputError(f"{folder}/model.json: files has no {file}; copy the exported folder again")
            own = _read(folder, (place / FACTS).as_posix(), "model")
            if problems := strange_model(own, f"{place}/model.json"):
                raise InputErrors(f"{folder}: is no exported model that can be used:", problems)


def _check_files(folder: Path, files: dict[str, str]) -> None:
    """Raises InputError: a file (path → SHA-256) is missing, elsewhere, or not as it was written."""
    rule = FORMATS["export"][1]
    for name, digest in files.items():
        path = resolve_inside(folder, name)
        if not os.path.isfile(path):
            raise InputError(f"{path}: is missing; copy the exported folder again, or run rule {rule} again")
        if sha256(path) != digest:
            raise InputError(f"{path}: is not as it was exported (SHA-256 differs); copy the exported folder again")


def _regular(folder: Path, name: str) -> Path:
    """The path of a file of an exported folder, which is in the folder and a file."""
    return require_regular_file(resolve_inside(folder, name), "the exported model's file")


def _read(folder: Path, name: str, kind: str) -> dict:
    return read_json(_regular(folder, name), kind)
