"""Figures that are in a file the moment they are known; and the machine that they are of."""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

#: How a part says what it found: a dictionary's entries.
Note = Callable[..., None]


@dataclass(frozen=True)
class Options:
    """What every part is told.

    Attributes:
        small: as small as it gets. bundle: folder of bundle.py. out: folder of what comes back.
        deadline: of the monotonic clock, after which nothing new is started.
    """

    small: bool
    bundle: Path
    out: Path
    deadline: float


class Figures:
    """A JSON file: ``parts``: part → its figures. One process writes at a time."""

    def __init__(self, path: Path):
        self.path = path

    def _read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text()) if self.path.exists() else {"parts": {}}

    def _write(self, content: dict[str, Any]) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(content, indent=1) + "\n")
        temporary.replace(self.path)

    def of(self, part: str) -> dict[str, Any]:
        """What is known of a part."""
        return self._read()["parts"].get(part, {})

    def clear(self, part: str) -> None:
        """Forgets an earlier run's figures of a part."""
        content = self._read()
        content["parts"].pop(part, None)
        self._write(content)

    def note(self, part: str, **facts: Any) -> None:
        """Adds to a part's figures."""
        content = self._read()
        content["parts"].setdefault(part, {}).update(facts)
        self._write(content)

    def of_part(self, part: str) -> Note:
        """:meth:`note` for one part, which prints too."""

        def note(**facts: Any) -> None:
            print(json.dumps(facts), flush=True)
            self.note(part, **facts)

        return note

    def shown(self, part: str) -> str:
        """A part's figures on a line, shortened."""
        text = json.dumps({key: value for key, value in self.of(part).items() if key != "problem"})
        return text if len(text) < 400 else text[:397] + "…"


def machine(note: Note, options: Options) -> None:
    """GPU, driver, versions, and the commit, which gpu-bundle/ knows where there is no repository."""
    import numpy
    import pynvml
    import torch
    from common import commit

    from ionscape.models.image.torchvision_ops import timm

    note(
        cpu=torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        cores=len(os.sched_getaffinity(0)),
        python=sys.version.split()[0],
        torch=torch.__version__,
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version(),
        timm=timm.__version__,
        numpy=numpy.__version__,
        commit=commit(),
    )
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        note(gpu=None, driver=str(error))
        return
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    note(
        gpu=pynvml.nvmlDeviceGetName(handle),
        driver=pynvml.nvmlSystemGetDriverVersion(),
        memory_mib=memory.total / 2**20,
        free_mib=memory.free / 2**20,
        sm_mhz=pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
        memory_mhz=pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
    )
    pynvml.nvmlShutdown()
