"""What the training benchmarks compare computes the same; that they run is shown by tests/gpu."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from common import SETTINGS, random_data, samples_of
from plain import Images, Plain

from ionscape.models.image.model import ImageBatches, Model
from ionscape.training.device import set_up
from ionscape.training.schedule import learning_rate
from ionscape.training.step import Step

CPU = torch.device("cpu")


def test_the_engine_in_reference_mode_is_the_plain_loop():
    settings = SETTINGS.model_copy(update={"backbone": "test_resnet", "mixup": 0.0, "widths": [40], "rate": 1e-3})
    images, side, _ = random_data(24, 64, 48, seed=0)
    labels = np.eye(24, dtype=np.float32)  # a batch says which samples it holds
    set_up("reference", 2, settings.seed)
    assert torch.get_num_threads() == 1
    engine = Model.build(settings, (64, 48), 24, fresh=True).to(memory_format=torch.channels_last).train()
    step = Step(engine, settings, CPU, "reference", graphs=None)
    plain = Plain(Model.build(settings, (64, 48), 24, fresh=True).train(), settings, CPU, workers=0)
    plain.network.load_state_dict(engine.state_dict())
    data = Images(images, side, labels, mixup=0.0, seed=0)
    batches = ImageBatches(samples_of(images, side, labels), settings, CPU)
    number, losses = 0, []
    for _ in range(4):
        for inputs, targets in batches.epoch():
            rate = learning_rate(number, 12, 3, settings.rate)
            for group in plain.optimizer.param_groups:
                group["lr"] = rate
            chosen = [data[row] for row in targets.argmax(dim=1).tolist()]
            expected = plain.step(*(torch.stack(part) for part in zip(*chosen, strict=True)), 40)
            step.total.zero_()
            step(inputs, targets, rate)
            losses.append(expected)
            assert float(step.total) == pytest.approx(expected, rel=1e-4)
            number += 1
    assert losses[-1] < losses[0]
