"""Which ions at what time speak for the ensemble's answers, out-of-fold: pages of some samples, and each label's mean."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.config.sections import Features, Report
from ionscape.data.samples import SampleTable
from ionscape.evaluation.ensemble import Ensemble
from ionscape.evaluation.folds import Folds
from ionscape.evidence.choice import choose
from ionscape.evidence.combine import explain
from ionscape.evidence.out_of_fold import gather, out_of_fold
from ionscape.evidence.table import EvidenceTable
from ionscape.files.artifact import read_metadata
from ionscape.files.atomic import atomic_folder, write_bytes
from ionscape.files.paths import file_name
from ionscape.jobs.gpu import lease
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door
from ionscape.jobs.signals import or_stop, stoppable
from ionscape.models.logits import Logits, LogitTable
from ionscape.report.answered import Answered
from ionscape.report.figures.evidence import label_figures
from ionscape.report.figures.style import to_png
from ionscape.report.sample_page import write_pages


def main(job) -> None:
    samples, folds = SampleTable.read(job.input.samples), Folds.read(job.input.folds)
    ensemble, about = Ensemble.read(job.input.ensemble), read_metadata(job.input.images[0], "images")
    answers = LogitTable.read(job.input.nested), Logits.read(job.input.oof)
    scored = Answered.of_tables(samples, folds, ensemble, *answers, about)
    shown = Report(**job.params.report)
    choice = choose(scored.truth, scored.probabilities, shown.evidence, shown.samples, shown.mistakes)
    pairs = choice.pairs(scored.probabilities)
    some, place = gather(pairs, scored.ids, job.input.images, scored.side, scored.truth)
    fed = some, scored.fold, place, Features(**job.params.features), job.threads
    gpu = job.config["gpu"]
    with stoppable() as stopping, lease(job.resources.get("gpu", 0), gpu["devices"], gpu["slots"], stopping):
        asked = {name: out_of_fold(Path(job.params.models), name, *fed) for name in ensemble.members}
        weights = {name: ensemble.weights_of(name) for name in ensemble.members}
        progress = or_stop(Progress("models asked for reasons"), stopping)
        found = explain(pairs, asked, weights, some.inputs.shape[1:], progress)
    reasons = dict(zip(pairs, found, strict=True))
    means = EvidenceTable.mean(choice, reasons, some.inputs, place, samples.labels)
    means.write(job.output.means)
    with atomic_folder(job.output.labels) as folder:
        for label, figure in label_figures(means):
            write_bytes(folder / f"{file_name(label)}.png", to_png(figure))
    for chosen, target in ((dict.fromkeys(choice.shown), job.output.samples), (choice.mistakes, job.output.mistakes)):
        with atomic_folder(target) as folder:
            write_pages(scored.pages(chosen, some.inputs, place, reasons), folder, job.threads, Progress("pages written"))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
