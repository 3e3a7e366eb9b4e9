"""Trains one model on all folds but one; predicts that one (out-of-fold) and the test samples."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

import socket
from pathlib import Path

from ionscape.data.samples import SampleTable
from ionscape.evaluation.cross_validation import save_fold, train_fold
from ionscape.evaluation.folds import Folds
from ionscape.jobs.lease import leased
from ionscape.jobs.locks import alone_in
from ionscape.jobs.progress import FitProgress
from ionscape.jobs.script import door, logger
from ionscape.jobs.signals import stoppable
from ionscape.models.inputs import load_inputs, with_inputs
from ionscape.models.saved import settings_of
from ionscape.training.context import FitContext


def main(job) -> None:
    folder = Path(job.output.weights).parent
    with (
        stoppable() as stopping,
        alone_in(folder, stopping),
        leased(job, stopping) as lease,
    ):
        settings, fold = settings_of({"settings": job.params.settings}), int(job.wildcards.fold)
        checkpoint = folder / "checkpoint.safetensors"
        table, folds = SampleTable.read(job.input.samples), Folds.read(job.input.folds)
        ids, inputs, input_facts = load_inputs(job.input.inputs, settings)
        samples = with_inputs(table, ids, inputs)
        about = {"model": job.wildcards.model, "fold": fold, "host": socket.gethostname(), "gpu": lease.uuid}
        progress = FitProgress(settings.training_epochs, Path(job.log[0]).with_suffix(".jsonl"), about, lease.look)
        context = FitContext(table.labels, job.threads, progress, checkpoint, stopping)
        result = train_fold(samples, table.predicted, folds, fold, settings, context)
        save_fold(result, folder, job.wildcards.model, fold, input_facts)
        progress.finished()
        if not stopping():  # else Snakemake takes the outputs for unfinished, and asks for them again
            checkpoint.unlink(missing_ok=True)
        logger.info("log loss %.4f on %d validation samples", result.log_loss, len(result.validation))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
