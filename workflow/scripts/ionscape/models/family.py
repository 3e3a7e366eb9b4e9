"""The model families, without importing any of them: what the rules need to know before a job starts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
        module: where its class ``Model`` is, for the job to import.
        inputs: ``images`` or ``features``: which table it is fitted on.
        gpu: GPUs that one job wants.
        threads: CPU threads that one job can use.
        mem_mb, runtime: memory (MB) and time (minutes) that one job asks for.
    """

    module: str
    inputs: str
    gpu: int
    threads: int
    mem_mb: int
    runtime: int


FAMILIES = {
    "image": Family("ionscape.models.image.model", "images", gpu=1, threads=1, mem_mb=4000, runtime=240),
    "sequence": Family("ionscape.models.sequence.model", "images", gpu=1, threads=1, mem_mb=4000, runtime=120),
    "kernel": Family("ionscape.models.kernel.model", "images", gpu=0, threads=1, mem_mb=4000, runtime=60),
    "library": Family("ionscape.models.library.model", "images", gpu=0, threads=1, mem_mb=4000, runtime=60),
    "table": Family("ionscape.models.table.model", "features", gpu=0, threads=1, mem_mb=4000, runtime=60),
}
