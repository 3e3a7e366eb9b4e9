"""Which ions at what time speak for the ensemble's answers, out-of-fold: pages of some samples, and each label's mean."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.config.sections import Features
from ionscape.evaluation.folds import folds_of
from ionscape.evidence.choice import choose
from ionscape.evidence.combine import explain
from ionscape.evidence.out_of_fold import gather, out_of_fold
from ionscape.evidence.table import mean_evidence
from ionscape.files.artifact import read_json, read_metadata, read_table, write_table
from ionscape.files.atomic import atomic_folder, write_bytes
from ionscape.files.paths import file_name
from ionscape.jobs.gpu import lease
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door
from ionscape.jobs.signals import or_stop, stoppable
from ionscape.report.answered import Answered
from ionscape.report.figures.evidence import label_figures
from ionscape.report.figures.style import to_png
from ionscape.report.sample_page import write_pages


def main(job) -> None:
    samples, facts = read_table(job.input.samples, "samples")
    folds = folds_of(read_table(job.input.folds, "folds")[0])
    ensemble, about = read_json(job.input.ensemble, "ensemble"), read_metadata(job.input.images[0], "images")
    nested, oof = (read_table(path, "logits")[0] for path in (job.input.nested, job.input.oof))
    labels, members = facts["labels"], ensemble["members"]
    scored = Answered.of_tables(samples, labels, folds, members, nested, oof, about)

    shown = job.params.report
    choice = choose(scored.truth, scored.probabilities, shown["evidence"], shown["samples"], shown["mistakes"])
    pairs = choice.pairs(scored.probabilities)
    some, place = gather(pairs, scored.ids, job.input.images, scored.side, scored.truth)
    models, fed = Path(job.params.models), (some, scored.fold, place, Features(**job.params.features), job.threads)
    gpu = job.config["gpu"]
    with stoppable() as stopping, lease(job.resources.gpu, gpu["devices"], gpu["slots"], stopping):
        asked = {name: out_of_fold(models, name, *fed) for name in members}
        weights = {name: [ensemble["weights"][name][label] for label in labels] for name in members}
        progress = or_stop(Progress("models asked for reasons"), stopping)
        found = explain(pairs, asked, weights, some.inputs.shape[1:], progress)
    reasons = dict(zip(pairs, found, strict=True))

    means = mean_evidence(choice, reasons, some.inputs, place, labels)
    write_table(means, job.output.means, "evidence")
    with atomic_folder(job.output.labels) as folder:
        for label, figure in label_figures(means):
            write_bytes(folder / f"{file_name(label)}.png", to_png(figure))
    shown_for = (dict.fromkeys(choice.shown), job.output.samples), (choice.mistakes, job.output.mistakes)
    for chosen, target in shown_for:
        with atomic_folder(target) as folder:
            pages = scored.pages(chosen, some.inputs, place, reasons)
            write_pages(pages, folder, job.threads, Progress("pages written"))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
