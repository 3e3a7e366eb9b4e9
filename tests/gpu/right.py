"""Does the engine compute the same on a GPU? Every part notes ``ok``; what has no GPU to be asked of notes ``no_gpu``."""

import itertools
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import ARCHITECTURES, settings_of
from figures import Note, Options, machine
from trial import NAMES, Trainee, Trial, data, filled, largest_difference

from ionscape.errors import Interrupted
from ionscape.models.family import families
from ionscape.models.fitted import FittedModel
from ionscape.models.image.model import to_inputs
from ionscape.training.context import FitContext
from ionscape.training.device import device, resolve_precision
from ionscape.training.prediction import Validation

#: Largest difference of a logit between the CPU and the GPU after some steps of reference precision.
REFERENCE_LIMIT = 1e-4

#: MiB of a process's CUDA context, roughly: beside what its tensors take.
CONTEXT = 700


#: What is asked; each network's graphs in a process of their own, as a capture that fails spoils it.
NETWORKS = ("resnet34", "gru", "hrnet_w32", "transformer", "convolutional")


def networks(options: Options) -> list[str]:
    return ["test_resnet", "gru"] if options.small else list(NETWORKS)


def each(note: Note, networks: list[str], found: dict, of_one: Callable[[str], dict]) -> None:
    """Notes what is found of each network; one that fails is noted too and leaves the others."""
    for network in networks:
        try:
            found[network] = of_one(network)
        except Exception as error:
            traceback.print_exc()
            found[network] = {"problem": f"{type(error).__name__}: {error}"}
        note(networks=found)


def size(options: Options) -> tuple[tuple[int, int], list[int]]:
    """Shape of the images, and widths."""
    return ((64, 48), [32, 48]) if options.small else ((256, 192), [128, 160, 192, 224, 256])


def settings(network: str, options: Options, **changes):
    image = {"widths": size(options)[1]} if network not in ARCHITECTURES else {}
    return settings_of(network, **image, **changes)


def reference(note: Note, options: Options) -> None:
    """The CPU's losses and logits against the GPU's over steps of ``reference``.

    Logits are those of a batch by its own statistics, as in training: a bias before a BatchNorm has no gradient but the
    rounding's, which AdamW blows up, and running statistics would show it, though no answer of a training depends on it.
    """
    shape, steps = ((64, 48), 4) if options.small else ((128, 96), 20)

    def of_one(network: str) -> dict:
        chosen = settings_of(network, precision="reference")
        if hasattr(chosen, "widths"):
            chosen = chosen.model_copy(update={"widths": [shape[1]]})
        logits, losses, training = [], [], data(8 * steps, shape, 0)
        for where in (torch.device("cpu"), device()):
            trial = Trial(chosen, training, where, "reference")
            losses.append(trial.steps(steps, 10 * steps))
            inputs = trial.model.prepared(training, slice(0, 32))
            with torch.no_grad():
                logits.append(trial.model.network.train()(on_width(inputs, chosen)).cpu().numpy())
        return {"losses": largest_difference(*losses), "logits": largest_difference(*logits)}

    found: dict[str, dict] = {}
    note(steps=steps, limit=REFERENCE_LIMIT)
    each(note, networks(options), found, of_one)
    note(ok=all(max(one.get("losses", 1), one.get("logits", 1)) <= REFERENCE_LIMIT for one in found.values()))


def on_width(inputs: torch.Tensor, settings) -> torch.Tensor:
    """What the network is fed of prepared inputs."""
    return to_inputs(inputs, settings.widths[0]) if settings.family == "image" else inputs


def graphs(network: str, note: Note, options: Options) -> None:
    """CUDA graphs against kernels launched one by one: losses of an epoch at all widths, logits of the validation.

    bf16's noise is how far its losses are from fp32's.
    """
    if options.small:
        network = {"resnet34": "test_resnet", "hrnet_w32": "test_efficientnet"}.get(network, network)
    where = device()
    precision = resolve_precision("auto", where)
    shape, widths = size(options)
    steps = 6 if options.small else 12 * len(widths)
    chosen, training, asked = settings(network, options), data(8 * steps, shape, 0), data(40, shape, 1)
    trials = {
        "graphs": Trial(chosen, training, where, precision),
        "launched": Trial(chosen, training, where, precision, graphs=False),
        "fp32": Trial(chosen, training, where, "fp32", graphs=False),
    }
    losses = {name: trial.steps(steps, 10 * steps) for name, trial in trials.items()}
    trial = trials["graphs"]
    again = trial.model.validation(asked, trial.graphs)
    trial.model.network.eval()
    logits = [again() for _ in range(3)]  # launched, captured, replayed
    noise = largest_difference(losses["launched"], losses["fp32"])
    differ = largest_difference(losses["graphs"], losses["launched"])
    of_validation = max(largest_difference(logits[0], other) for other in logits[1:])
    captured = len(trial.step.captured) + len(again.captured)
    note(
        network=network,
        precision=precision,
        graphs_against_launched=differ,
        bf16_against_fp32=noise,
        first_and_last_loss=[losses["graphs"][0], losses["graphs"][-1]],
        validation=of_validation,
        captured=captured,
        ok=max(differ, of_validation) <= max(noise, 1e-5) and (captured >= 2 or where.type == "cpu"),
    )


def resume(note: Note, options: Options) -> None:
    """A training that is stopped in the middle and goes on from its checkpoint, against one that is not."""

    def of_one(network: str) -> dict:
        whole, resumed = whole_and_resumed(network, options)
        rows = [[row["train_loss"] for row in model.history] for model in (whole, resumed)]
        logits = largest_difference(whole.validation_logits, resumed.validation_logits)
        return {"losses": largest_difference(*rows), "logits": logits}

    found: dict[str, dict] = {}
    each(note, networks(options)[:2], found, of_one)
    note(ok=all(one.get("logits") == one.get("losses") == 0 for one in found.values()))


def whole_and_resumed(network: str, options: Options) -> tuple[FittedModel, FittedModel]:
    """Two trainings of three epochs; one of them is stopped after one and a half."""
    chosen = settings(network, options, epochs=3, warmup_epochs=1, average=0.9)
    if chosen.family == "sequence":
        chosen = chosen.model_copy(update={"dropout": 0.2})  # the random numbers go on, too
    training, validation = (data(number, size(options)[0], number) for number in (40 if options.small else 240, 20))
    fit = partial(families()[chosen.family].model().fit, training, validation, chosen)
    asked, half = itertools.count(1), len(training) // 8 * 3 // 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        try:
            fit(FitContext(NAMES, checkpoint=path, stopping=lambda: "half" if next(asked) == half else None))
        except Interrupted:
            return fit(FitContext(NAMES)), fit(FitContext(NAMES, checkpoint=path))
    raise RuntimeError("it was not stopped")


def memory(note: Note, options: Options) -> None:
    """A real out-of-memory, survived by recomputing: another process fills the device until the training has too little."""
    small = {"training": 17, "validation": 5, "shape": "64x48", "widths": "32,48", "epochs": 1, "batch": 4}
    large = {"training": 320, "validation": 64, "widths": "192,256", "epochs": 1, "batch": 32}
    network, how = ("test_resnet", small) if options.small else ("resnet34", large)

    def history(log: Path) -> list[dict]:
        Trainee.start(network, log, **how).process.wait()
        return [row for row in Trainee.rows(log) if "epoch" in row]

    with tempfile.TemporaryDirectory() as folder:
        (alone,) = history(Path(folder) / "alone.log") or (None,)
        if alone is None:
            raise RuntimeError(Trainee.last_words(Path(folder) / "alone.log"))
        note(memory_mib=alone["memory_mb"], recomputed_alone=alone["recomputed"])
        if not torch.cuda.is_available():
            note(no_gpu=True, ok=not alone["recomputed"])
            return
        for share in (0.9, 0.75, 0.6, 0.5):
            with filled(CONTEXT + share * alone["memory_mb"]):
                log = Path(folder) / f"{share}.log"
                rows = history(log)
            if rows and rows[0]["recomputed"]:
                note(
                    share_left=share,
                    memory_recomputed_mib=rows[0]["memory_mb"],
                    seconds=[alone["seconds"], rows[0]["seconds"]],
                    validation_loss=[alone["validation_loss"], rows[0]["validation_loss"]],
                    ok=True,
                )
                return
            note(**{f"share {share}": "it fitted" if rows else Trainee.last_words(log)})
    note(ok=False)


def until(condition: Callable[[], bool], seconds: float = 90) -> float:
    """Seconds until it holds."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"it did not happen in {seconds} s")
        time.sleep(0.1)
    return time.monotonic() - started


def leases(note: Note, options: Options) -> None:
    """Two processes and one GPU: the second waits, SIGKILL of the first frees it; a full device is skipped; ``auto``."""
    cuda = torch.cuda.is_available()
    how = {"training": 64, "validation": 16, "epochs": 4}
    if options.small:
        how = {"training": 17, "validation": 5, "shape": "64x48", "widths": "32,48", "epochs": 3, "batch": 4}
    network = "test_resnet" if options.small else "resnet34"
    # Without a driver the configured devices are taken as they are, and one name is as good as any.
    on = how if cuda else {**how, "device": f"measured-{time.time_ns()}"}
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder) / f"{number}.log" for number in range(6)]

        def has(number: int) -> bool:
            return any("leased" in row for row in Trainee.rows(logs[number]))

        def ended(number: int) -> bool:
            return any("finished" in row for row in Trainee.rows(logs[number]))

        first = Trainee.start(network, logs[0], slots=1, **{**on, "epochs": 10_000})
        note(seconds_to_the_first=until(lambda: has(0)))
        Trainee.start(network, logs[1], slots=1, **on)
        until(lambda: "waiting for a GPU" in logs[1].read_text())
        waited = not has(1)
        first.process.send_signal(signal.SIGKILL)
        note(second_waited=waited, seconds_from_sigkill_to_the_second=until(lambda: has(1)))
        until(lambda: ended(1))
        skipped = None
        if cuda:
            with filled(1000):
                third = Trainee.start(network, logs[2], slots=1, **on)
                until(lambda: "skipped: only" in logs[2].read_text())
                skipped = not has(2)
            third.process.wait(60)  # its memory is free once it has ended, which is later than its last word
            note(full_device_skipped=skipped)
        for number in (3, 4, 5):
            Trainee.start(network, logs[number], slots="auto", **({**on, "epochs": 30} if cuda else on))
        until(lambda: all(map(ended, (3, 4, 5))), seconds=180)
        rows = [Trainee.rows(logs[number]) for number in (3, 4, 5)]
        spans = [(next(row["time"] for row in part if "leased" in row), part[-1]["time"]) for part in rows]
        together = max(sum(start <= at < end for start, end in spans) for at, _ in spans)
        takes = [line for number in (3, 4, 5) for line in logs[number].read_text().splitlines() if line.startswith("takes")]
        note(auto_together=together, auto_said=takes)
        plausible = all(float(line.split()[1]) > CONTEXT for line in takes)
        # One measures while the others wait, then they join it; without a driver nobody knows what fits.
        note(
            ok=waited
            and skipped is not False
            and (len(takes) == 1 and plausible and together > 1 if cuda else together == 1)
        )


def page_locked(note: Note, options: Options) -> None:
    """Images in page-locked memory, copied a batch at a time, against images on the device."""
    where = device()
    if where.type != "cuda":
        note(no_gpu=True, ok=True)  # page-locked memory is a driver's
        return
    shape, widths = size(options)
    found: dict[str, dict] = {}

    def of_one(network: str) -> dict:
        chosen, training = settings(network, options), data(8 * 12 * len(widths), shape, 0)
        losses, seconds = [], []
        for resident in (True, False):
            trial = Trial(chosen, training, where, resolve_precision("auto", where), resident=resident)
            losses.append(trial.steps(6 * len(widths), 1000))
            started = time.monotonic()
            losses[-1] += trial.steps(6 * len(widths), 1000)
            seconds.append((time.monotonic() - started) / (6 * len(widths)))
        return {"losses": largest_difference(*losses), "step_seconds": seconds}

    each(note, ["resnet34", "gru"], found, of_one)
    note(ok=all(one.get("losses") == 0 for one in found.values()))


def halves(note: Note, options: Options) -> None:
    """A prediction in halves of a batch, which a GPU short of memory falls back to, against whole batches."""
    shape, _ = size(options)
    trial = Trial(settings(networks(options)[0], options), data(8, shape, 0), device(), "reference", graphs=False)
    asked = data(33, shape, 1)
    trial.model.network.eval()
    whole = trial.model.logits(asked)
    parts = Validation(partial(trial.model.prepared, asked), trial.model.answered, 33, len(NAMES), trial.where, None)
    parts.size = 5
    difference = largest_difference(whole, parts())
    note(largest_difference=difference, ok=bool(difference <= 1e-3 and np.isfinite(whole).all()))


PARTS = {
    "machine": machine,
    "graphs-resnet34": partial(graphs, "resnet34"),
    "graphs-gru": partial(graphs, "gru"),
    "leases": leases,
    "memory": memory,
    "resume": resume,
    "reference": reference,
    "page_locked": page_locked,
    "halves": halves,
    **{f"graphs-{network}": partial(graphs, network) for network in NETWORKS[2:]},
}
