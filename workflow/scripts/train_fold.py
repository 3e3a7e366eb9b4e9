"""Trains one model on all folds but one; predicts that one (out-of-fold) and the test samples."""

import socket
from pathlib import Path

from ionscape.fitting import load_inputs, load_samples, save_fold, train_fold
from ionscape.folds import folds_of
from ionscape.gpu import lease
from ionscape.jobs import alone_in, stoppable
from ionscape.scripting import FitProgress, door, logger
from ionscape.tables import read_table


def main(job) -> None:
    folder = Path(job.output.weights).parent
    gpu = job.config["gpu"]
    with (
        stoppable() as stopping,
        alone_in(folder, stopping),
        lease(job.resources.gpu, gpu["devices"], gpu["slots"], stopping) as device,
    ):
        settings, fold = job.params.settings, int(job.wildcards.fold)
        checkpoint = folder / "checkpoint.safetensors"
        table, facts = read_table(job.input.samples, "samples")
        folds = folds_of(read_table(job.input.folds, "folds")[0])
        ids, inputs, input_facts = load_inputs(job.input.inputs, settings["family"], settings.get("features"))
        samples, predict = load_samples(table, facts["labels"], ids, inputs)
        about = {"model": job.wildcards.model, "fold": fold, "host": socket.gethostname(), "gpu": device and device.uuid}
        progress = FitProgress(settings.get("epochs"), Path(job.log[0]).with_suffix(".jsonl"), about)
        result = train_fold(
            samples, predict, folds, fold, facts["labels"], settings, job.threads, progress, checkpoint, stopping
        )
        save_fold(result, folder, job.wildcards.model, fold, facts["labels"], settings, input_facts)
        progress.finished()
        if not stopping():  # else Snakemake takes the outputs for unfinished, and asks for them again
            checkpoint.unlink(missing_ok=True)
        logger.info("log loss %.4f on %d validation samples", result.log_loss, len(result.validation))


if __name__ == "__main__":
    with door(snakemake):  # noqa: F821
        main(snakemake)  # noqa: F821
