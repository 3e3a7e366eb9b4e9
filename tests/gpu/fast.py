"""How fast is the engine on a GPU? Seconds of a step, of a model-fold, of several trainings at once, of the two lists."""

import copy
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import yaml
from common import settings_of, synchronize
from figures import ROOT, Note, Options, machine
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from trial import NAMES, Trainee, Trial, data

from ionscape.config.load import load
from ionscape.models.family import families
from ionscape.training.context import FitContext
from ionscape.training.device import device, resolve_precision
from ionscape.training.graphs import Graphs

BENCHMARKS = ROOT / "tests/benchmarks"

#: A model-fold of the second place: training and validation images, epochs.
TRAINING, VALIDATION, EPOCHS = 959, 162, 20

SMALL = {"training": 17, "validation": 5, "shape": "64x48", "widths": "32,48", "batch": 4}


def script(name: str, *words: str) -> dict:
    """Runs a benchmark's script and returns what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *words, "--write", str(path)]
        subprocess.run(command, check=True)
        return json.loads(path.read_text())


def steps(note: Note, options: Options, networks: tuple[str, ...] = ("hrnet_w64", "gru")) -> None:
    """train_step.py: the engine against the plain loop and against the ceiling, share of the matrix peak."""
    words = ["--warmup", "5", "--steps", "8", "--rounds", "2", "--samples", str(TRAINING)]
    words += ["--workers", str(min(8, os.cpu_count() or 1))]
    if options.small:
        networks = ("test_resnet", "gru")[: len(networks)]
        words = ["--warmup", "1", "--steps", "1", "--rounds", "1", "--batch", "4", "--shape", "64", "48"]
        words += ["--widths", "32", "48", "--threads", "1"]
    for network in networks:
        note(**{network: script("train_step", network, *words)["results"][0]})


def more_steps(note: Note, options: Options) -> None:
    """The same of other networks."""
    steps(note, options, ("test_resnet",) if options.small else ("resnet34", "hrnet_w32", "dpn98"))


def fold(note: Note, options: Options) -> None:
    """model_fold.py: a whole training of the second place's largest network."""
    words = ["hrnet_w64", "--workers", str(min(8, os.cpu_count() or 1))]
    if options.small:
        words = [
            "test_resnet",
            "--training",
            "9",
            "--validation",
            "5",
            "--epochs",
            "2",
            "--batch",
            "4",
            "--shape",
            "64",
            "48",
        ]
    note(**script("model_fold", *words)["result"])


def trainings_an_hour(network: str, at_once: int, how: dict) -> dict:
    """Several trainings at once, for a few epochs; scaled up to whole ones.

    A training's seconds: what it takes until its first epoch is over, less an epoch, and EPOCHS of the later epochs.
    """
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder) / f"{number}.log" for number in range(at_once)]
        started = time.time()
        running = [Trainee.start(network, log, **how) for log in logs]
        codes = [trainee.process.wait() for trainee in running]
        if any(codes):
            last = [Trainee.last_words(log) for code, log in zip(codes, logs, strict=True) if code]
            raise RuntimeError(f"{len(last)} of {at_once} trainings ended early: {last[0]}")
        rows = [[row for row in Trainee.rows(log) if "epoch" in row] for log in logs]
    epoch = statistics.mean(part[-1]["seconds"] for part in rows)  # the second one captured the validation
    start = statistics.mean(part[0]["time"] - started for part in rows) - epoch
    return {
        "epoch_seconds": epoch,
        "start_seconds": start,
        "memory_mib": rows[0][-1]["memory_mb"],
        "recomputed": any(part[-1]["recomputed"] for part in rows),
        "trainings_an_hour": at_once * 3600 / (start + EPOCHS * epoch),
    }


def at_once(note: Note, options: Options) -> None:
    """1, 2, 3, 4 and 6 trainings on the device at once, as far as the time goes: trainings an hour."""
    network, how, numbers = "hrnet_w64", {"epochs": 3}, (1, 3, 6, 2, 4)
    if options.small:
        network, how, numbers = "test_resnet", {**SMALL, "epochs": 2}, (1, 2)
    found = {}
    for number in numbers:
        found[number] = trainings_an_hour(network, number, how)
        note(network=network, at_once=found)


def mps(note: Note, options: Options) -> None:
    """The same with NVIDIA's Multi-Process Service of this user, whose pipe is in a private folder."""
    path = f"{os.environ['PATH']}:/usr/local/nvidia/bin"
    control = shutil.which("nvidia-cuda-mps-control", path=path)
    if not torch.cuda.is_available():
        note(no_gpu=True)
        return
    if control is None:
        note(left_out="nvidia-cuda-mps-control is not there")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder, "PATH": path}
        service = subprocess.Popen([control, "-f"])  # in the foreground: it ends with this part, whatever ends it
        try:
            time.sleep(2)
            at_once(note, options)
        finally:
            service.terminate()
            service.wait(30)


def second_place() -> dict[str, dict[str, int]]:
    """Preset → network, such as ``hrnet_w64 full`` → model-folds."""
    counted: dict[str, dict[str, int]] = {}
    for preset in ("second-place", "second-place-rerun"):
        raw = yaml.safe_load((ROOT / f"resources/presets/{preset}.yaml").read_text())
        config = load(raw, {name: family.settings for name, family in families().items()})
        counted[preset] = {}
        for model in config.models.values():
            name = f"{model.architecture} {model.head}"  # type: ignore[attr-defined]
            counted[preset][name] = counted[preset].get(name, 0) + config.folds.count
    return counted


def lists(note: Note, options: Options) -> None:
    """Two epochs of each network of the second place's two lists; from them the minutes that the lists take."""
    counted = second_place()
    folds = {
        name: sum(preset.get(name, 0) for preset in counted.values()) for preset in counted.values() for name in preset
    }
    shape, sizes, changes = (256, 192), (TRAINING, VALIDATION), {"epochs": 3, "warmup_epochs": 1}
    if options.small:
        folds = {"resnet18 mass_flat": 2}
        shape, sizes, changes = (64, 48), (17, 5), {"epochs": 2, "warmup_epochs": 1, "widths": [32, 64], "batch_size": 4}
    samples = [data(number, shape, number) for number in sizes]
    found: dict[str, dict] = {}
    for name in sorted(folds, key=lambda name: -folds[name]):
        architecture, head = name.split()
        settings = settings_of(architecture, head=head, precision="bf16", **changes)
        started = time.monotonic()
        rows: list[dict] = []
        try:
            families()["image"].model().fit(*samples, settings, FitContext(NAMES, progress=rows.append))
        except Exception as error:
            found[name] = {"folds": folds[name], "problem": f"{type(error).__name__}: {error}"}
            note(networks=found)
            continue
        epoch = rows[-1]["seconds"]
        found[name] = {
            "folds": folds[name],
            "epoch_seconds": epoch,
            "start_seconds": time.monotonic() - started - epoch * len(rows),
            "memory_mib": rows[-1]["memory_mb"],
            "recomputed": rows[-1]["recomputed"],
        }
        note(networks=found)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    if not options.small and not any("problem" in one for one in found.values()):
        note(minutes_one_after_the_other=minutes(counted, found))


def minutes(counted: dict[str, dict[str, int]], found: dict[str, dict]) -> dict[str, float]:
    """Of each preset, extrapolated; a process takes another ten seconds to start."""
    return {
        preset: sum(
            number * (10 + found[name]["start_seconds"] + EPOCHS * found[name]["epoch_seconds"])
            for name, number in of.items()
        )
        / 60
        for preset, of in counted.items()
    }


def timed(compute: Callable[[], object], where: torch.device, repeats: int) -> float:
    """The median of some, in seconds."""
    compute()
    seconds = []
    for _ in range(repeats):
        synchronize(where)
        started = time.perf_counter()
        compute()
        synchronize(where)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def validation(note: Note, options: Options) -> None:
    """A fold's validation with CUDA graphs and without; and the memory of graphs in one pool against a pool each."""
    where, network = device(), "test_resnet" if options.small else "hrnet_w64"
    shape, number, widths = (
        ((64, 48), 5, [32, 48]) if options.small else ((256, 192), VALIDATION, [128, 160, 192, 224, 256])
    )
    chosen, training = settings_of(network, widths=widths, batch_size=8), data(8 * 10 * len(widths), shape, 0)
    asked = data(number, shape, 1)
    precision, seconds, memory = resolve_precision("auto", where), {}, {}
    for pools in ("one", "each", None):  # None: launched
        trial = Trial(chosen, training, where, precision, graphs=None if pools else False)
        if pools == "each" and trial.graphs:
            trial.step.graphs = trial.graphs = _OwnPools(where)
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        trial.steps(10 * len(widths), 1000)
        trial.model.network.eval()
        ask = trial.model.validation(asked, trial.graphs)
        ask()
        seconds[str(pools)] = timed(ask, where, 1 if options.small else 10)
        if where.type == "cuda":
            memory[str(pools)] = torch.cuda.memory_reserved() / 2**20
        del trial, ask
        if where.type == "cuda":
            torch.cuda.empty_cache()
        note(network=network, seconds_by_pools=seconds, reserved_mib_by_pools=memory)


class _OwnPools(Graphs):
    def capture(self, compute):
        self.pool = None
        return super().capture(compute)


def stacked(note: Note, options: Options) -> None:
    """A step of five sequence networks stacked by torch.func, against five steps of the engine one after the other.

    Both in fp32, as autocast does not go through vmap.
    """
    where, precision = device(), "fp32"
    shape, batch = ((32, 24), 8) if options.small else ((128, 96), 32)
    for network in ("transformer", "convolutional", "gru"):
        chosen, training = settings_of(network, batch_size=batch), data(batch * 8, shape, 0)
        trial = Trial(chosen, training, where, precision)
        trial.steps(4, 1000)
        inputs, targets = next(trial.inputs())
        one = timed(partial(trial.step, inputs, targets, 1e-4), where, 3 if options.small else 50)
        try:
            step = _stacked_step(trial, inputs, targets, 5)
            launched = timed(step, where, 3 if options.small else 20)
            captured = None
            if trial.graphs:
                graphs = Graphs(where)
                graphs.launch(step)
                graph, _ = graphs.capture(step)
                captured = timed(graph.replay, where, 50)
        except Exception as error:  # what torch.func cannot stack is an answer
            note(**{network: {"five_one_after_the_other": 5 * one, "problem": str(error).partition("\n")[0]}})
            continue
        note(**{network: {"five_one_after_the_other": 5 * one, "stacked": launched, "stacked_captured": captured}})


def _stacked_step(trial: Trial, inputs: torch.Tensor, targets: torch.Tensor, folds: int) -> Callable[[], None]:
    networks = [copy.deepcopy(trial.model.network).train() for _ in range(folds)]
    parameters, buffers = stack_module_state(networks)  # type: ignore[arg-type]
    skeleton = copy.deepcopy(networks[0]).to("meta")
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-4, fused=True, capturable=trial.where.type == "cuda")
    many = [part.expand(folds, *part.shape).contiguous() for part in (inputs, targets)]

    def loss_of(weights, statistics, batch, truth):
        logits = functional_call(skeleton, (weights, statistics), (batch,))
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)

    gradients_of = vmap(grad_and_value(loss_of), randomness="different")

    def step() -> None:
        gradients, _ = gradients_of(parameters, buffers, *many)
        for name, gradient in gradients.items():
            norm = gradient.flatten(1).norm(dim=1).clamp(min=1.0).view(-1, *[1] * (gradient.ndim - 1))
            parameters[name].grad = gradient / norm
        optimizer.step()

    return step


PARTS = {
    "machine": machine,
    "steps": steps,
    "fold": fold,
    "at_once": at_once,
    "mps": mps,
    "lists": lists,
    "validation": validation,
    "stacked": stacked,
    "more_steps": more_steps,
}
