"""Fits one model on all training samples; predicts the test samples. That fit answers for new samples too."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

import socket
from pathlib import Path

from ionscape.data.samples import SampleTable
from ionscape.evaluation.cross_validation import History, chosen_epoch, save_fold, train_fold
from ionscape.evaluation.folds import Folds
from ionscape.jobs.lease import leased
from ionscape.jobs.locks import alone_in
from ionscape.jobs.progress import FitProgress
from ionscape.jobs.script import door
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
        settings, checkpoint = settings_of({"settings": job.params.settings}), folder / "checkpoint.safetensors"
        table, folds = SampleTable.read(job.input.samples), Folds.read(job.input.folds)
        epoch = chosen_epoch([History.read(path) for path in job.input.histories]) or settings.training_epochs
        ids, inputs, input_facts = load_inputs(job.input.inputs, settings)
        about = {"model": job.wildcards.model, "fold": "all", "host": socket.gethostname(), "gpu": lease.uuid}
        progress = FitProgress(epoch, Path(job.log[0]).with_suffix(".jsonl"), about, lease.look)
        context = FitContext(table.labels, job.threads, progress, checkpoint, stopping, epoch)
        result = train_fold(with_inputs(table, ids, inputs), table.predicted, folds, None, settings, context)
        save_fold(result, folder, job.wildcards.model, None, input_facts)
        progress.finished()
        if not stopping():  # else Snakemake takes the outputs for unfinished, and asks for them again
            checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
