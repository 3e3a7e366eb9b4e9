"""Trains one model on all folds but one; predicts that one (out-of-fold) and the test samples."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

import socket
from pathlib import Path

from ionscape.evaluation.cross_validation import save_fold, train_fold
from ionscape.evaluation.folds import folds_of
from ionscape.files.artifact import read_table
from ionscape.jobs.gpu import lease
from ionscape.jobs.locks import alone_in
from ionscape.jobs.progress import FitProgress
from ionscape.jobs.script import door, logger
from ionscape.jobs.signals import stoppable
from ionscape.models.inputs import load_inputs, load_samples
from ionscape.models.saved import settings_of
from ionscape.training.context import FitContext


def main(job) -> None:
    folder = Path(job.output.weights).parent
    gpu = job.config["gpu"]
    with (
        stoppable() as stopping,
        alone_in(folder, stopping),
        lease(job.resources.gpu, gpu["devices"], gpu["slots"], stopping) as device,
    ):
        settings, fold = settings_of({"settings": job.params.settings}), int(job.wildcards.fold)
        checkpoint = folder / "checkpoint.safetensors"
        table, facts = read_table(job.input.samples, "samples")
        folds = folds_of(read_table(job.input.folds, "folds")[0])
        ids, inputs, input_facts = load_inputs(job.input.inputs, settings)
        samples, predict = load_samples(table, facts["labels"], ids, inputs)
        about = {"model": job.wildcards.model, "fold": fold, "host": socket.gethostname(), "gpu": device and device.uuid}
        progress = FitProgress(settings.training_epochs, Path(job.log[0]).with_suffix(".jsonl"), about)
        context = FitContext(facts["labels"], job.threads, progress, checkpoint, stopping)
        result = train_fold(samples, predict, folds, fold, settings, context)
        save_fold(result, folder, job.wildcards.model, fold, input_facts)
        progress.finished()
        if not stopping():  # else Snakemake takes the outputs for unfinished, and asks for them again
            checkpoint.unlink(missing_ok=True)
        logger.info("log loss %.4f on %d validation samples", result.log_loss, len(result.validation))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
