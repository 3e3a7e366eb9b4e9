"""METHOD steps 4 and 6–9, time resizing and positions, and METHOD, Events: batches of images on the device, fp32."""

import math

import torch
import torch.nn.functional as F

#: METHOD step 7: relative intensities are clipped below at this.
FLOOR = 1e-4

#: METHOD step 8: the factor in log10(1 + 1000·a).
LOG1P_FACTOR = 1000.0


def _maximum(images: torch.Tensor) -> torch.Tensor:
    """Of each image, [n, 1, …, 1]; above 0, as nothing may be left of an image without its background."""
    tiny = torch.finfo(images.dtype).tiny
    return images.amax(dim=tuple(range(1, images.ndim)), keepdim=True).clamp_min(tiny)


def to_channels(images: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
    """Step 4: [n, masses, times] → [n, 2, masses, times]; the image in channel ``side`` (int64 [n], 0 or 1), else 0."""
    channels = images.new_zeros((len(images), 2, *images.shape[1:]))
    channels[torch.arange(len(images), device=images.device), side] = images
    return channels


def mixup(
    images: torch.Tensor,
    labels: torch.Tensor,
    partner_images: torch.Tensor,
    partner_labels: torch.Tensor,
    share: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Step 6: f·x + (1 − f)·x', labels' element-wise maximum; a share f of 1 leaves image **and** labels as they are.

    Args:
        images, partner_images: [n, channels, masses, times]; labels, partner_labels: [n, labels]; share: [n].
    """
    weight = share.view(-1, 1, 1, 1)
    mixed = torch.where(weight < 1, weight * images + (1 - weight) * partner_images, images)
    return mixed, torch.where(share.view(-1, 1) < 1, torch.maximum(labels, partner_labels), labels)


def scale_masses(images: torch.Tensor, exponents: torch.Tensor) -> torch.Tensor:
    """Each mass row times 2^exponent: images [n, channels, masses, times], exponents [n, masses]."""
    return images * torch.exp2(exponents)[:, None, :, None]


def scale_intensity(images: torch.Tensor, log_scaling: str) -> torch.Tensor:
    """Steps 7–9: divided by the maximum, clipped to [1e-4, 1], logarithm or root, rescaled to [0, 1].

    Args:
        images: [n, channels, masses, times]; maxima and minima are taken over all but the first axis.
        log_scaling: ``log10``: log10(a); ``log1p``: log10(1 + 1000·a) divided by its maximum; ``root4``: a^(1/4), between
            the two for faint ions.
    """
    images = (images / _maximum(images)).clamp(FLOOR, 1)
    if log_scaling == "log10":
        images = images.log10()
    elif log_scaling == "root4":
        images = images.sqrt().sqrt()
    else:
        images = (1 + LOG1P_FACTOR * images).log10()
        images = images / images.amax(dim=(1, 2, 3), keepdim=True)
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    return (images - low) / (high - low).clamp_min(torch.finfo(images.dtype).tiny)


def resize_time(images: torch.Tensor, width: int) -> torch.Tensor:
    """[n, channels, masses, times] → [n, channels, masses, width]: bilinear in time, no antialiasing."""
    if images.shape[-1] == width:
        return images
    return F.interpolate(images, size=(images.shape[-2], width), mode="bilinear", align_corners=False, antialias=False)


def add_positions(images: torch.Tensor) -> torch.Tensor:
    """Appends column position x/width and row position y/height: [n, 2, h, w] → [n, 4, h, w]."""
    n, _, height, width = images.shape
    column = torch.arange(width, device=images.device, dtype=images.dtype) / width
    row = torch.arange(height, device=images.device, dtype=images.dtype) / height
    positions = [column.view(1, 1, 1, -1).expand(n, 1, height, -1), row.view(1, 1, -1, 1).expand(n, 1, -1, width)]
    return torch.cat([images, *positions], dim=1)


def overlay(
    images: torch.Tensor,
    facts: torch.Tensor,
    partner_images: torch.Tensor,
    partner_facts: torch.Tensor,
    strength: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """x + s·x': detector signals add up, so that the sum of two runs is a run of both samples. Facts (0/1): their maximum.

    Args:
        images, partner_images: [n, masses, times]; facts, partner_facts: [n, k]; strength: [n], 0 leaves a sample as it is.
    """
    images = images + strength.view(-1, 1, 1) * partner_images
    return images, torch.where(strength.view(-1, 1) > 0, torch.maximum(facts, partner_facts), facts)


def log_intensity(images: torch.Tensor, floor: float) -> torch.Tensor:
    """Relative to each image's maximum: ``floor`` and below → 0, the maximum → 1, logarithmic. [n, masses, times]."""
    relative = (images / _maximum(images)).clamp_min(floor)
    return 1 - relative.log10() / math.log10(floor)


def root_intensity(images: torch.Tensor, root: float) -> torch.Tensor:
    """(Relative to each image's maximum)^(1/root), 0 where negative: [n, masses, times] in [0, 1]."""
    return (images / _maximum(images)).clamp_min(0).pow(1 / root)


def unit_root_intensity(images: torch.Tensor, root: float) -> torch.Tensor:
    """:func:`root_intensity` divided by its root mean square: one strong ion does not make all others faint.

    [n, masses, times] → same shape, not negative; 0 where nothing is left of an image.
    """
    images = root_intensity(images, root)
    tiny = torch.finfo(images.dtype).tiny
    return images / images.square().mean(dim=(1, 2), keepdim=True).clamp_min(tiny).sqrt()


def row_share(images: torch.Tensor, floor: float) -> torch.Tensor:
    """Each mass row relative to its own maximum, or to ``floor`` of the image's where that is more. [n, masses, times]."""
    least = floor * _maximum(images)
    return images / torch.maximum(images.amax(dim=2, keepdim=True), least)


def subtract_background(images: torch.Tensor, quantiles: torch.Tensor) -> torch.Tensor:
    """Each mass row minus its own quantile over time, 0 where that is negative: what is always there says nothing.

    Bins in which no mass has an intensity, such as temperatures that a run did not reach, do not count. Negative
    intensities are 0 to begin with: one dip of the detector must not lift the whole row.

    Args:
        images: [n, masses, times]; quantiles: [n] on the CPU, 0 (the minimum) … 1, linear between neighbouring values.
    """
    observed = (images != 0).any(dim=1, keepdim=True)
    images = images.clamp_min(0)
    ordered = torch.where(observed, images, torch.inf)
    if not quantiles.any():  # no need to sort
        return torch.where(observed, images - ordered.amin(dim=2, keepdim=True), 0)
    ordered = ordered.sort(dim=2).values
    place = quantiles.to(images) * (observed.sum(dim=(1, 2)) - 1).clamp_min(0)
    low = place.floor().long().view(-1, 1, 1).expand(-1, images.shape[1], 1)
    above = (low + 1).clamp_max(images.shape[2] - 1)
    share = (place - place.floor()).view(-1, 1, 1)
    below = ordered.gather(2, low)
    background = torch.where(share > 0, torch.lerp(below, ordered.gather(2, above), share), below)
    return torch.where(observed, (images - background).clamp_min(0), 0)


def warp_time(images: torch.Tensor, exponent: float) -> torch.Tensor:
    """Another temperature ramp: bin t of [0, 1] takes what was at t^exponent, linear between bins. [n, masses, times]."""
    last = images.shape[2] - 1
    place = torch.linspace(0, 1, last + 1, device=images.device) ** exponent * last
    low = place.long().clamp_max(last - 1)
    return torch.lerp(images[:, :, low], images[:, :, low + 1], (place - low).to(images))
