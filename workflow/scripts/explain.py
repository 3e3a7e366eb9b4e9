"""Which ions at what time speak for the ensemble's answers, out-of-fold: pages of some samples, and each label's mean."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.config.sections import Features, Report
from ionscape.evidence.choice import choose
from ionscape.evidence.out_of_fold import gather, reasons_of
from ionscape.evidence.table import EvidenceTable
from ionscape.files.atomic import atomic_folder
from ionscape.jobs.lease import leased
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door
from ionscape.jobs.signals import or_stop, stoppable
from ionscape.report.answered import Answered
from ionscape.report.figures.evidence import label_figures
from ionscape.report.figures.style import write_figures
from ionscape.report.sample_page import write_pages


def main(job) -> None:
    tables = (job.input[name] for name in ("samples", "folds", "ensemble", "nested", "oof", "similarity"))
    scored, shown = Answered.read(*tables, job.input.images[0]), Report(**job.params.report)
    choice = choose(scored.truth, scored.probabilities, shown.evidence, shown.samples, shown.mistakes)
    pairs = choice.pairs(scored.probabilities)
    some, place = gather(pairs, scored.ids, job.input.images, scored.side, scored.truth)
    models, features = Path(job.params.models), Features(**job.params.features)
    with stoppable() as stopping, leased(job, stopping):
        asked = or_stop(Progress("models asked for reasons"), stopping)
        reasons = reasons_of(pairs, scored.ensemble, models, some, scored.folds_of, place, features, job.threads, asked)
    means = EvidenceTable.mean(choice, reasons, some.inputs, place, scored.labels)
    means.write(job.output.means)
    write_figures(label_figures(means), job.output.labels)
    for chosen, target in ((dict.fromkeys(choice.shown), job.output.samples), (choice.mistakes, job.output.mistakes)):
        with atomic_folder(target) as folder:
            write_pages(scored.pages(chosen, some.inputs, place, reasons), folder, job.threads, Progress("pages written"))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
