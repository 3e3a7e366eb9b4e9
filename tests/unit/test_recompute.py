"""Activation checkpointing: less is remembered, nothing else changes; and a fit that runs out of memory takes to it."""

import copy
import re
import time

import numpy as np
import pytest
import torch
from test_checkpoint import IMAGE, LABELS, SEQUENCE, STEPS, samples_of
from torch.nn import functional as F

from ionscape.errors import InputError
from ionscape.models.image import model as image
from ionscape.models.image.torchvision_ops import timm
from ionscape.models.sequence import model as sequence
from ionscape.training.activation_checkpointing import recompute_blocks
from ionscape.training.checkpoint import Checkpoint
from ionscape.training.context import FitContext
from support.settings import model_settings

#: Backbone → settings that make its random numbers matter.
BACKBONES = {
    "test_resnet": {"drop_path_rate": 0.5, "drop_rate": 0.2},
    "resnet18": {"drop_path_rate": 0.5},
    "tf_efficientnet_lite0": {"drop_path_rate": 0.5, "drop_rate": 0.2},
    "hrnet_w18_small": {"drop_rate": 0.2},
}
torch.set_num_threads(1)


def stepped(network, images, targets):
    """A step of SGD. Returns the logits, and how many bytes, besides the weights, are kept for the backward pass."""
    own, remembered = {parameter.data_ptr() for parameter in network.parameters()}, {}

    def remember(tensor):
        if tensor.data_ptr() not in own:
            remembered[tensor.data_ptr()] = tensor.nbytes
        return tensor

    network.train()
    torch.manual_seed(5)
    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        logits = network(images)
        loss = F.binary_cross_entropy_with_logits(logits, targets)
    loss.backward()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter -= 0.1 * parameter.grad
    return logits.detach(), sum(remembered.values())


@pytest.fixture(scope="module", params=BACKBONES)
def networks(request):
    """The same network twice, the second with its blocks wrapped; how many."""
    torch.manual_seed(0)
    plain = timm.create_model(request.param, pretrained=False, num_classes=3, **BACKBONES[request.param])
    wrapped = copy.deepcopy(plain)
    return plain, wrapped, recompute_blocks(wrapped)


def test_recomputed_blocks_give_the_same_step_with_less_memory(networks):
    plain, wrapped, blocks = networks
    assert blocks > 2
    assert wrapped.state_dict().keys() == plain.state_dict().keys()
    images, targets = torch.rand(2, 3, 64, 64), torch.tensor([[0.0, 1, 1], [1, 0, 1]])
    for _ in range(2):
        (expected, more), (logits, less) = stepped(plain, images, targets), stepped(wrapped, images, targets)
        assert torch.equal(logits, expected)
        assert less < 0.8 * more
        for (name, one), other in zip(plain.named_parameters(), wrapped.parameters(), strict=True):
            assert torch.equal(one.grad, other.grad), name
        state = plain.state_dict()
        for name, tensor in wrapped.state_dict().items():
            assert torch.equal(tensor, state[name]), name
        counters = [value for name, value in state.items() if name.endswith("num_batches_tracked")]
        assert len({int(counter) for counter in counters}) == 1  # each pass of a step counts once
        for network in networks[:2]:
            network.zero_grad()


def test_every_block_is_called():
    """An HRNet holds blocks in lists of lists, whose own forward nobody calls."""
    network, called = timm.create_model("hrnet_w18_small", pretrained=False), set()
    blocks = recompute_blocks(network)
    for part in network.modules():
        if "forward" in vars(part):
            part.register_forward_pre_hook(lambda part, _inputs: called.add(part))
    network(torch.rand(1, 3, 64, 64))
    assert len(called) == blocks > 20


def test_recomputed_blocks_leave_evaluation_alone(networks):
    plain, wrapped, _ = networks
    images = torch.rand(2, 3, 64, 64)
    state = copy.deepcopy(wrapped.state_dict())
    with torch.inference_mode():
        assert torch.equal(wrapped.eval()(images), plain.eval()(images))
    assert all(torch.equal(tensor, state[name]) for name, tensor in wrapped.state_dict().items())


def test_a_recomputed_network_is_stored_and_loaded_as_any():
    plain = timm.create_model("test_resnet", pretrained=False)
    names = list(plain.state_dict())
    recompute_blocks(plain)
    assert list(plain.state_dict()) == names
    timm.create_model("test_resnet", pretrained=False).load_state_dict(plain.state_dict())


def short_of_memory(model, at_step, networks=1):
    """The family's Model; its first so many networks find no memory in this step, counted from 1 over all epochs."""

    class Short(model):
        built = 0

        @classmethod
        def build(cls, *arguments, **options):
            network, steps = model.build(*arguments, **options), []

            def lack(module, _inputs, _outputs):
                steps.extend([True] * module.training)
                if module.training and len(steps) == at_step:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has …")

            if cls.built < networks:
                network.register_forward_hook(lack)
            cls.built += 1
            return network

    return Short


def fit(model, settings, progress=None, checkpoint=None):
    progress = [].append if progress is None else progress
    return model.fit(
        samples_of(25, 0), samples_of(7, 1), model_settings(settings), FitContext(LABELS, 1, progress, checkpoint)
    )


def losses(rows):
    return np.array([(row["epoch"], row["rate"], row["train_loss"], row["validation_loss"]) for row in rows])


@pytest.fixture(scope="module")
def expected():
    return fit(image.Model, IMAGE)


@pytest.mark.parametrize(("at_step", "kept"), [(1, False), (STEPS + 2, False), (1, True), (2 * STEPS + 1, True)])
def test_a_fit_that_runs_out_of_memory_recomputes(expected, at_step, kept, tmp_path, caplog):
    rows, model = [], short_of_memory(image.Model, at_step)
    fitted = fit(model, IMAGE, rows.append, tmp_path / "checkpoint.safetensors" if kept else None)
    assert model.built == 2
    np.testing.assert_allclose(losses(fitted.history), losses(expected.history), rtol=0, atol=1e-5)
    np.testing.assert_allclose(fitted.validation_logits, expected.validation_logits, rtol=0, atol=1e-5)
    assert fitted.best_epoch == expected.best_epoch
    done = (at_step - 1) // STEPS  # epochs before
    assert [row["recomputed"] for row in rows] == [False] * done + [True] * (3 - (done if kept else 0))
    assert fitted.history == rows[-3:]
    said = [message for message in caplog.messages if "out of memory" in message]
    assert len(said) == 1
    assert "Tried to allocate 2.00 GiB.); once more, with activations recomputed" in said[0]


def test_an_epoch_that_is_still_being_written_is_not_trained_again(expected, tmp_path, monkeypatch):
    """The first step after an epoch finds no memory, and the disk is slow."""
    write = Checkpoint._write
    monkeypatch.setattr(Checkpoint, "_write", lambda *arguments: (time.sleep(0.5), write(*arguments)))
    rows = []
    fit(short_of_memory(image.Model, STEPS + 1), IMAGE, rows.append, tmp_path / "checkpoint.safetensors")
    assert [(row["epoch"], row["recomputed"]) for row in rows] == [(1, False), (2, True), (3, True)]
    np.testing.assert_allclose(losses(rows), losses(expected.history), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "settings", "networks", "size", "tried", "smaller"),
    [
        (
            image.Model,
            IMAGE,
            2,
            "test_resnet at batch_size 8, width 48",
            ", even with activations recomputed",
            "widths, take",
        ),
        (sequence.Model, SEQUENCE, 1, "sequence at batch_size 8", "", "channels"),  # it has no blocks: no second try
    ],
)
def test_a_network_that_is_too_large_even_so(model, settings, networks, size, tried, smaller, caplog):
    lack = re.escape("(CUDA out of memory. Tried to allocate 2.00 GiB.)")
    message = rf"^{size} does not fit in the memory of CPU \(1 thread\){tried} {lack}\. Lower batch_size or {smaller}"
    with pytest.raises(InputError, match=message) as caught:
        fit(short_of_memory(model, 2, networks), settings)
    assert "\n" not in str(caught.value)
    assert [("once more" in message) for message in caplog.messages].count(True) == bool(tried)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    class Broken(image.Model):
        @staticmethod
        def build(*arguments, **options):
            network = image.Model.build(*arguments, **options)
            network.register_forward_hook(lambda *_: torch.zeros(2) + torch.zeros(3))
            return network

    with pytest.raises(RuntimeError, match=re.escape("size of tensor a (2)")):
        fit(Broken, IMAGE)
