"""The file of a training's state, and that a training that goes on from it ends as one that never stopped."""

import copy
import logging
import shutil

import numpy as np
import pytest
import torch

from ionscape.data.samples import Samples
from ionscape.errors import Interrupted
from ionscape.models.image import model as image
from ionscape.models.sequence import model as sequence
from ionscape.training import checkpoint
from ionscape.training.checkpoint import Checkpoint, training_key
from ionscape.training.context import FitContext
from support.settings import model_settings

LABELS = ["side", "sum"]
SHARED = {
    "seed": 1,
    "epochs": 3,
    "warmup_epochs": 1,
    "rate": 3e-3,
    "weight_decay": 0.01,
    "batch_size": 8,
    "clip_gradient": 1.0,
    "label_smoothing": 0.01,
    "mass_scaling": 0.5,
    "background": [0.0, 0.3],
    "average": 0.9,
    "select": "best_epoch",
    "precision": "reference",
}
IMAGE = {
    **SHARED,
    "family": "image",
    "backbone": "test_resnet",
    "pretrained": False,
    "log_scaling": "log1p",
    "head": "mass_flat",
    "drop_path_rate": 0.3,
    "mixup": 0.5,
    "mixup_range": [0.4, 0.6],
    "widths": [32, 48],
}
SEQUENCE = {
    **SHARED,
    "family": "sequence",
    "floor": 1e-4,
    "channels": 8,
    "kernel": 3,
    "dropout": 0.3,
    "overlay": 0.5,
    "overlay_range": [0.1, 10.0],
    "mixup": 0.3,
    "mixup_range": [0.2, 0.8],
    "time_warp": 0.1,
    "scalings": ["log", "root", "mass"],
    "root": 3,
    "architecture": "gru",
    "layers": 2,
    "stride": 2,
    "positions": True,
}
FAMILIES = {"image": (image.Model, IMAGE), "sequence": (sequence.Model, SEQUENCE)}
STEPS = 3  # of an epoch
TENSORS = {
    "weights": torch.linspace(0, 1, 6).view(2, 3),
    "transposed": torch.arange(6.0).view(2, 3).T,
    "channels-last": torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    "counter": torch.tensor(7),
    "random": torch.get_rng_state(),
    "half": torch.tensor([0.1, torch.inf, torch.nan], dtype=torch.bfloat16),
    "double": torch.tensor([1 / 3], dtype=torch.float64),
    "none": torch.empty(0, 4),
}
FACTS = {"epoch": 2, "best": 1 / 3, "history": [{"train_loss": 0.1, "memory_mb": None, "recomputed": False}]}
torch.set_num_threads(1)


def samples_of(n, seed):
    rng = np.random.default_rng(seed)
    inputs, side = rng.random((n, 32, 40), dtype=np.float32), rng.integers(0, 2, n)
    high = inputs.reshape(n, -1)[:, :3].sum(axis=1) > 1.5
    return Samples([f"S{i}" for i in range(n)], inputs, side, np.stack([side, high], axis=1).astype(np.float32))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fold0" / "checkpoint.safetensors"


def saved(path, key="a", tensors=TENSORS, facts=FACTS):
    kept = Checkpoint(path, key)
    kept.save(tensors, facts)
    kept.wait()
    return kept


def files_beside(path):
    return sorted(file.name for file in path.parent.iterdir())


def test_what_is_saved_is_loaded(path):
    assert Checkpoint(path, "a").load() is None  # nothing there, not even the folder
    saved(path)
    tensors, facts = Checkpoint(path, "a").load()
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert (tensors[name].dtype, tensors[name].shape) == (tensor.dtype, tensor.shape), name
        torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=0, equal_nan=True)
    assert {name: facts[name] for name in FACTS} == FACTS
    assert files_beside(path) == [path.name]


def test_the_last_one_counts_and_is_what_the_tensors_were_then(path):
    kept, tensor = Checkpoint(path, "a"), torch.zeros(1000)
    for epoch in range(5):
        kept.save({"weights": tensor}, {"epoch": epoch})
        tensor += 1  # as the training goes on while they are written
    kept.wait()
    tensors, facts = kept.load()
    assert (facts["epoch"], tensors["weights"].unique().tolist()) == (4, [4])


def damaged(path, how):
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "garbage": b"\xff" * 500, "text": b"{}" * 99}[how])


@pytest.mark.parametrize("how", ["cut", "empty", "garbage", "text", "other key"])
def test_one_that_is_of_no_use_is_set_aside(path, how, caplog):
    saved(path, "b" if how == "other key" else "a")
    if how != "other key":
        damaged(path, how)
    content = path.read_bytes()
    with caplog.at_level(logging.WARNING, "ionscape"):
        assert Checkpoint(path, "a").load() is None
    reason = "is of other settings or data" if how == "other key" else "cannot be read ("
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"{path} {reason}")
    assert "training starts anew" in caplog.messages[0]
    assert files_beside(path) == [f"{path.name}.set-aside"]
    assert path.with_name(f"{path.name}.set-aside").read_bytes() == content
    saved(path)  # and does not stand in the way
    assert Checkpoint(path, "a").load() is not None


def test_a_write_that_fails_is_told_at_the_next_save_or_wait(path):
    for told in (lambda kept: kept.wait(), lambda kept: kept.save(TENSORS, FACTS)):
        kept = saved(path)
        shutil.rmtree(path.parent)
        path.parent.write_text("a file where the folder was")
        kept.save(TENSORS, FACTS)
        with pytest.raises(OSError, match="fold0"):
            told(kept)
        path.parent.unlink()
        kept.save(TENSORS, FACTS)  # told once; the disk is there again
        kept.wait()
        assert files_beside(path) == [path.name]


def test_a_write_that_fails_half_way_leaves_the_one_before(path, monkeypatch):
    def fail(_tensors, file, _metadata):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    kept = saved(path)
    monkeypatch.setattr(checkpoint, "save_file", fail)
    kept.save(TENSORS, {"epoch": 3})
    with pytest.raises(OSError, match="No space left"):
        kept.wait()
    assert kept.load()[1]["epoch"] == FACTS["epoch"]
    assert files_beside(path) == [path.name]


def key(settings=IMAGE, labels=LABELS, training=None, validation=None, **changes):
    parts = {"training": training or samples_of(9, 0), "validation": validation or samples_of(4, 1)}
    for name, change in changes.items():
        part, _, attribute = name.partition("_")
        value = copy.deepcopy(getattr(parts[part], attribute))
        change(value)
        parts[part] = Samples(**{**vars(parts[part]), attribute: value})
    return training_key(model_settings(settings), labels, **parts)


def put(index, value):
    return lambda values: values.__setitem__(index, value)


OTHERS = {
    "a setting": {"settings": {**IMAGE, "rate": 2e-3}},
    "a list in it": {"settings": {**IMAGE, "widths": [32, 40]}},
    "a label's name": {"labels": ["side", "total"]},
    "the labels' order": {"labels": LABELS[::-1]},
    "the parts swapped": {"training": samples_of(4, 1), "validation": samples_of(9, 0)},
    "an id": {"training_ids": put(8, "T")},
    "a validation id": {"validation_ids": put(0, "T")},
    "a pixel": {"training_inputs": put((8, 31, 39), 0.125)},
    "a validation pixel": {"validation_inputs": put((0, 0, 0), 0.125)},
    "a side": {"training_side": put(3, 2)},
    "a validation label": {"validation_labels": put((1, 1), 0.5)},
    "the images' shape": {
        name: Samples(part.ids, part.inputs.reshape(len(part), 40, 32), part.side, part.labels)
        for name, part in (("training", samples_of(9, 0)), ("validation", samples_of(4, 1)))
    },
}


def test_a_key_names_what_a_training_is_made_of():
    keys = {name: key(**change) for name, change in OTHERS.items()}
    assert len({key(), *keys.values()}) == 1 + len(OTHERS), keys
    assert key() == key(settings=dict(reversed(IMAGE.items())))
    view = samples_of(18, 0)
    view = Samples(view.ids[::2], view.inputs[::2], view.side[::2], view.labels[::2])  # not contiguous
    assert key(training=view) == key(training=view.take(np.arange(9)))


def fitted(kind, checkpoint=None, stop_after=None, **changes):
    """A fit on 25 samples, 3 steps an epoch; told to stop after so many of its own steps. Returns (model, rows)."""
    model, settings = FAMILIES[kind]
    rows, asked = [], []

    def stopping():
        asked.append(True)
        return "SIGTERM" if len(asked) == stop_after else None

    arguments = (samples_of(25, 0), samples_of(7, 1), model_settings({**settings, **changes}))
    try:
        return model.fit(*arguments, FitContext(LABELS, 1, rows.append, checkpoint, stopping)), rows
    except Interrupted as stop:
        return stop, rows


@pytest.fixture(scope="module", params=FAMILIES)
def undisturbed(request):
    return request.param, fitted(request.param)[0]


def losses(rows):
    return [(row["epoch"], row["rate"], row["train_loss"], row["validation_loss"]) for row in rows]


def assert_same(model, expected):
    assert losses(model.history) == losses(expected.history)
    assert model.best_epoch == expected.best_epoch
    np.testing.assert_array_equal(model.validation_logits, expected.validation_logits)
    state = expected.network.state_dict()
    assert model.network.state_dict().keys() == state.keys()
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, state[name]), name


STOPS = {
    "first step": [1],
    "last step of an epoch": [STEPS],
    "first step of a later epoch": [STEPS + 1],
    "middle of a later epoch": [2 * STEPS + 2],
    "very last step": [3 * STEPS],
    "twice in an epoch": [STEPS + 1, 1],
    "after each step": [1] * (3 * STEPS),
}


@pytest.mark.parametrize("stops", STOPS.values(), ids=STOPS)
def test_a_stopped_training_goes_on_to_the_same_numbers(undisturbed, stops, path):
    kind, expected = undisturbed
    done, seen = 0, []
    for stop in stops:
        stopped, rows = fitted(kind, path, stop)
        done, step = done + stop, (done + stop - 1) % STEPS + 1
        assert isinstance(stopped, Interrupted)
        assert str(stopped) == f"SIGTERM: stopped in epoch {(done - 1) // STEPS + 1}, after step {step} of {STEPS}"
        assert files_beside(path) == [path.name]
        seen += rows
    torch.manual_seed(99)  # nothing of this process has a part in it
    model, rows = fitted(kind, path)
    seen += rows
    assert [row["epoch"] for row in seen] == [1, 2, 3]  # no epoch twice
    assert seen == model.history
    assert_same(model, expected)


def test_a_finished_training_is_taken_from_its_checkpoint(undisturbed, path):
    kind, expected = undisturbed
    assert_same(fitted(kind, path)[0], expected)
    model, rows = fitted(kind, path, stop_after=1)  # there is no step left to stop after
    assert rows == []
    assert_same(model, expected)


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(undisturbed, path):
    kind, expected = undisturbed
    fitted(kind, path, STEPS + 1, seed=2)
    model, rows = fitted(kind, path)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert_same(model, expected)
    assert files_beside(path) == [path.name, f"{path.name}.set-aside"]


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_training_stops_without_a_checkpoint_too(kind):
    stopped, rows = fitted(kind, stop_after=STEPS + 2)
    assert isinstance(stopped, Interrupted)
    assert [row["epoch"] for row in rows] == [1]
