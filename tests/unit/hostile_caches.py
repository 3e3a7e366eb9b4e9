"""What a run keeps on the disk, damaged: recognised, with the rule to run again, or read as it was written."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from attempts import Outcome

from ionscape.config.grid import Grid
from ionscape.errors import InputError
from ionscape.evaluation.ensemble import Ensemble
from ionscape.evaluation.novelty import Known
from ionscape.files.artifact import read_json, read_table, write_json, write_table
from ionscape.images.similarity import BANDS
from ionscape.images.store import image_schema, load_images, write_images
from ionscape.models.registry import load_fold
from ionscape.models.saved import save_model
from ionscape.serving.export import export_ensemble, open_export
from ionscape.serving.manifest import GridFacts, Manifest, RunColumns
from ionscape.training.checkpoint import Checkpoint
from support.settings import load_config

ROOT = Path(__file__).parents[2]
CONFIG = load_config({"models": {"kernel": {"family": "kernel"}}})
LABELS = ["basalt", "oxide"]
GRID = Grid(masses=16, times=12)


def _save_model(folder: Path) -> None:
    from safetensors.numpy import save_file

    tensors = {"samples": np.arange(60, dtype=np.float32).reshape(5, 12), "weights": np.ones((5, 2))}
    facts = {"settings": CONFIG.models["kernel"].model_dump(), "labels": LABELS, "inputs": {"masses": 5}}
    save_model(folder, lambda path: save_file(tensors, path), facts)


def _arrays(tensors: dict) -> dict:
    return {name: value.tolist() for name, value in tensors.items()}


def _load_checkpoint(path: Path):
    kept = Checkpoint(path, "key").load()
    if kept is None:
        raise InputError(f"{path}: is set aside; run rule train_fold again")  # which it logs, and does
    return _arrays(kept[0]), kept[1]


def _load_model(path: Path):
    model = load_fold(path.parent)
    return _arrays(model.tensors), model.settings, model.labels


def _load_export(path: Path):
    folder = next(parent for parent in path.parents if parent.name == "export")
    exported = open_export(folder)
    assert exported.known is not None
    known = exported.known.ids, exported.known.prints.tolist()
    return exported.manifest, exported.ensemble, known, _load_model(exported.model("kernel", 0) / "model.json")


def artefacts(folder: Path) -> dict[str, tuple[Path, Callable[[Path], object]]]:
    """Writes one of each kind: name → (file, what reads it into something that can be compared)."""
    rng = np.random.default_rng(0)
    ids = [f"S{n}" for n in range(70)]
    tables = {"samples": "path", "folds": "fold", "features": "total", "logits": "basalt", "history": "epoch"}
    tables |= {"known": "folds-5", "similarity": "refit"}
    found: dict[str, tuple[Path, Callable[[Path], object]]] = {}
    for kind, column in tables.items():
        table = pa.table({"sample_id": ids, column: rng.random(70)})
        write_table(table, folder / f"{kind}.parquet", kind, labels=LABELS, seed=42)

        def read(path: Path, kind: str = kind):
            table, facts = read_table(path, kind)
            return table.to_pylist(), facts

        found[kind] = folder / f"{kind}.parquet", read
    images = rng.random((70, GRID.masses, GRID.times), dtype=np.float32)
    batches = [(ids[:64], images[:64]), (ids[64:], images[64:])]
    write_images(folder / "images.parquet", image_schema(GRID, "none", "time"), batches)

    def read_images(path: Path):
        names, array, facts = load_images(path)
        return names, array.tolist(), facts

    found["images"] = folder / "images.parquet", read_images
    for kind in ("ensemble", "metrics", "config"):
        write_json(folder / f"{kind}.json", {"members": ["kernel"], "weights": rng.random(20).tolist()}, kind)
        found[kind] = folder / f"{kind}.json", lambda path, kind=kind: read_json(path, kind)
    _save_model(folder / "models/kernel/fold0")
    found["weights"] = folder / "models/kernel/fold0/weights.safetensors", _load_model
    found["model"] = folder / "models/kernel/fold0/model.json", _load_model
    kept = Checkpoint(folder / "checkpoint.safetensors", "key")
    kept.save({"half": torch.ones(7, dtype=torch.bfloat16), "step": torch.tensor(3), "w": torch.rand(30)}, {"epoch": 3})
    kept.wait()
    found["checkpoint"] = folder / "checkpoint.safetensors", _load_checkpoint
    export = folder / "export"
    manifest = Manifest(
        run="x",
        labels=LABELS,
        columns=RunColumns(axis="x", mass="x", intensity="x", time="x"),
        grid=GridFacts(masses=64, times=32, drop_masses=[4], limits=None, statistic="sum"),
        side=None,
        features=CONFIG.features,
        known={"0": {"scans": [1.0, 2.0]}},
        trained_on=70,
        members={"kernel": [0]},
    )
    ones = dict.fromkeys(LABELS, 1.0)
    ensemble = Ensemble(method="weigh", members=["kernel"], weights={"kernel": ones}, bias=ones, clip=1e-4)
    prints = np.random.default_rng(0).random((5, 64 * BANDS), dtype=np.float32)
    Known([f"S{row}" for row in range(5)], prints, {1: np.zeros(5, np.int32)}).write(folder / "learnt.parquet")
    copied = folder / "models", folder / "learnt.parquet"
    export_ensemble(*copied, ensemble, manifest, "# Card", export, lambda done, total: None)
    found["export"] = export / "model.json", _load_export
    found["export's ensemble"] = export / "ensemble.json", _load_export
    found["export's known runs"] = export / "known.parquet", _load_export
    found["export's weights"] = export / "models/kernel/fold0/weights.safetensors", _load_export
    return found


def truncated(rng: random.Random, content: bytes, _others: list[bytes]) -> bytes:
    return content[: rng.randrange(len(content))]


def a_flipped_bit(rng: random.Random, content: bytes, _others: list[bytes]) -> bytes:
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def a_flipped_bit_near_the_end(rng: random.Random, content: bytes, _others: list[bytes]) -> bytes:
    changed = bytearray(content)  # where Parquet keeps what describes the rest
    changed[-1 - rng.randrange(min(len(changed), 2000))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def a_block_of_zeros(rng: random.Random, content: bytes, _others: list[bytes]) -> bytes:
    start = rng.randrange(len(content))
    return (content[:start] + b"\x00" * min(512, len(content) - start) + content[start + 512 :])[: len(content)]


def longer(rng: random.Random, content: bytes, _others: list[bytes]) -> bytes:
    return content + rng.randbytes(rng.choice([1, 8, 100]))


def a_digit_changed(rng: random.Random, content: bytes, _others: list[bytes]) -> bytes:
    places = [place for place, byte in enumerate(content) if 0x30 <= byte <= 0x39]
    place = rng.choice(places)
    return content[:place] + str((content[place] - 0x30 + rng.randrange(1, 10)) % 10).encode() + content[place + 1 :]


def foreign(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    known = b'"ensemble"' if b'"ensemble"' in content else content  # another one of its kind is for Snakemake to see
    return rng.choice([other for other in others if known not in other])


def of_an_older_version(rng: random.Random, content: bytes, _others: list[bytes]) -> bytes:
    for mark in (b'"version": ', b'\\"version\\": '):
        if (place := content.find(mark)) >= 0:
            place += len(mark)
            return content[:place] + b"0" + content[place + 1 :]
    return truncated(rng, content, [])


def nothing(rng: random.Random, content: bytes, _others: list[bytes]) -> bytes:
    return rng.choice([b"", b"\n", b"{}", b"[]", b"null", b"[" * 100_000, b"PAR1", b"PAR1PAR1"])


DAMAGES = (
    *(truncated, a_flipped_bit, a_flipped_bit_near_the_end, a_block_of_zeros, longer, a_digit_changed, foreign),
    *(of_an_older_version, nothing),
)


def damaged_caches(count: int, seed: int, folder: Path, progress=lambda done, total: None) -> list[Outcome]:
    """So many damaged files, of each kind and damage in turn; an outcome each kind."""
    kinds = artefacts(folder)
    whole = {name: path.read_bytes() for name, (path, _) in kinds.items()}
    right = {name: read(path) for name, (path, read) in kinds.items()}
    outcomes = {name: Outcome(f"damaged file: {name}") for name in kinds}
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        name = list(kinds)[number % len(kinds)]
        path, read = kinds[name]
        damage = DAMAGES[number // len(kinds) % len(DAMAGES)]
        content = damage(rng, whole[name], list(whole.values()))
        path.write_bytes(content)
        problem = None
        try:
            if read(path) != right[name]:
                problem = "taken for good, and is another"
        except InputError as error:
            if str(path.parent) not in str(error) or "again" not in str(error):
                problem = f"no clear message: {error}"
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
        outcomes[name].add(problem and f"{number}, {damage.__name__}: {problem}")
        path.write_bytes(whole[name])
        path.with_name(f"{path.name}.set-aside").unlink(missing_ok=True)
        progress(number + 1, count)
    return list(outcomes.values())
