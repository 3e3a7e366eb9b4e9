"""How a scheduler says what a job may use."""

import os

#: The variable that says which GPUs a process sees.
MASK = "CUDA_VISIBLE_DEVICES"

#: What Slurm puts there for a job that asked for none.
NONE_GIVEN = "NoDevFiles"


def given_by_slurm() -> list[str]:
    """The names of the devices that Slurm gave; none outside of Slurm."""
    mask = os.environ.get(MASK, "")
    return mask.split(",") if "SLURM_JOB_ID" in os.environ and mask not in ("", NONE_GIVEN) else []
