"""Where and how exactly networks are computed: device, precision, what fits in memory."""

import os
import socket

import torch
from threadpoolctl import threadpool_limits

from ..errors import InputError
from ..jobs.slurm import given_by_slurm

#: A data set of up to this share of the free memory stays on the device; the rest is for the network.
RESIDENT_SHARE = 0.5

#: bf16 products are fast on these CPUs; elsewhere they are emulated, several times slower than fp32.
BF16_CPUS = ("amx_bf16", "avx512_bf16")


def device() -> torch.device:
    """The first visible CUDA device, else the CPU.

    Raises:
        InputError: the device does not compute, or Slurm gave one that PyTorch does not see.
    """
    given = given_by_slurm()
    if torch.cuda.is_available():
        where = torch.device("cuda")
        try:
            torch.ones(8, device=where).sum().item()
        except RuntimeError as error:
            first = str(error).partition("\n")[0]
            raise InputError(
                f"the GPU of {socket.gethostname()} does not compute: {first}; see nvidia-smi there"
            ) from error
        return where
    if given and torch.version.cuda:
        raise InputError(
            f"Slurm gave GPU {given[0]} of {socket.gethostname()}, and PyTorch does not see it: see nvidia-smi there, and "
            f"whether the driver knows CUDA {torch.version.cuda}"
        )
    return torch.device("cpu")


def describe_device(where: torch.device) -> str:
    """``NVIDIA H100 80GB HBM3 (79.6 GiB)``, or ``CPU (2 threads)``."""
    if where.type == "cpu":
        return f"CPU ({torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)})"
    facts = torch.cuda.get_device_properties(where)
    return f"{facts.name} ({facts.total_memory / 2**30:.1f} GiB)"


def resolve_precision(precision: str, where: torch.device) -> str:
    """``auto`` → ``bf16`` where the hardware multiplies it, else ``fp32``; any other stays."""
    if precision != "auto":
        return precision
    if where.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    found = torch.cpu.get_capabilities()
    return "bf16" if any(found.get(name) for name in BF16_CPUS) else "fp32"


def set_up(precision: str, threads: int, seed: int) -> None:
    """Seeds, threads and kernels of this process.

    All precisions take deterministic kernels. ``fp32`` lets GPUs multiply in TF32; ``reference`` does not, and computes
    on one thread, as sums depend on how many there are.
    """
    reference = precision == "reference"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS and cuDNN's GRU: else sums depend on streams
    torch.set_num_threads(1 if reference else threads)
    threadpool_limits(1 if reference else threads, "blas")
    torch.manual_seed(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = not reference
    torch.backends.cuda.matmul.allow_tf32 = not reference


def autocast(where: torch.device, precision: str) -> torch.autocast:
    """bf16 autocast if the precision says so. It keeps no cast weights: a CUDA graph would compute on stale ones."""
    return torch.autocast(where.type, dtype=torch.bfloat16, enabled=precision == "bf16", cache_enabled=False)


def is_resident(nbytes: int, free: int) -> bool:
    """Whether a data set of ``nbytes`` stays on a device with ``free`` bytes."""
    return nbytes <= free * RESIDENT_SHARE


def free_memory(where: torch.device) -> int | None:
    """Bytes free on a GPU; None on the CPU, where the data already are."""
    return torch.cuda.mem_get_info(where)[0] if where.type == "cuda" else None


def is_out_of_memory(error: BaseException) -> bool:
    """A GPU's, a CUDA library's or the CPU allocator's: the latter two are RuntimeErrors that only texts tell apart."""
    said = ("allocate memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(text in str(error) for text in said)
