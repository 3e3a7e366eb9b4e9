"""Which ions at what time speak for the ensemble's answers, out-of-fold: pages of some samples, and each label's mean."""

from pathlib import Path

import numpy as np

from ionscape.answers import write_pages
from ionscape.evidence import Answered, choose, gather, mean_evidence, out_of_fold
from ionscape.explain import explain
from ionscape.folds import folds_of
from ionscape.gpu import lease
from ionscape.jobs import or_stop, stoppable
from ionscape.metrics import probabilities_of
from ionscape.plots.evidence import label_figure
from ionscape.plots.style import to_png
from ionscape.results import Logits, nested_answers, stack_oof
from ionscape.scripting import Progress, door
from ionscape.tables import atomic_folder, file_name, read_json, read_metadata, read_table, write_bytes, write_table


def main(job) -> None:
    samples, facts = read_table(job.input.samples, "samples")
    labels = facts["labels"]
    folds = folds_of(read_table(job.input.folds, "folds")[0])
    ensemble = read_json(job.input.ensemble, "ensemble")
    members = ensemble["members"]
    ids, rows, truth, probabilities = nested_answers(samples, read_table(job.input.nested, "logits")[0], labels)
    side = samples["side"].to_numpy()[rows].astype(np.int64)
    oof = Logits.read(read_table(job.input.oof, "logits")[0], labels)
    per_model = probabilities_of(stack_oof(oof, ids, folds))[[oof.models.index(name) for name in members]]

    shown = job.params.report
    choice = choose(truth, probabilities, shown["evidence"], shown["samples"], shown["mistakes"])
    pairs = choice.pairs(probabilities)
    some, place = gather(pairs, ids, job.input.images, side, truth)
    fold = np.array([folds[sample] for sample in ids])
    models, features = Path(job.params.models), job.params.features
    gpu = job.config["gpu"]
    with stoppable() as stopping, lease(job.resources.gpu, gpu["devices"], gpu["slots"], stopping):
        asked = {name: out_of_fold(models, name, some, fold, place, features, job.threads) for name in members}
        weights = {name: [ensemble["weights"][name][label] for label in labels] for name in members}
        progress = or_stop(Progress("models asked for reasons"), stopping)
        found = explain(pairs, asked, weights, some.inputs.shape[1:], progress)
    reasons = dict(zip(pairs, found, strict=True))

    means = mean_evidence(choice, reasons, some.inputs, place, labels)
    write_table(means, job.output.means, "evidence")
    with atomic_folder(job.output.labels) as folder:
        for label, positives in choice.averaged.items():
            part = means.filter([name == labels[label] for name in means["label"].to_pylist()])
            evidence, spectrum = part["evidence"].to_numpy(), part["spectrum"].to_numpy()
            figure = label_figure(labels[label], evidence, spectrum, len(positives))
            write_bytes(folder / f"{file_name(labels[label])}.png", to_png(figure))

    about = read_metadata(job.input.images[0], "images")
    axis = (about["axis"], about["axis_range"])
    answered = Answered(ids, fold, labels, members, truth, probabilities, per_model, *axis)
    shown_for = (dict.fromkeys(choice.shown), job.output.samples), (choice.mistakes, job.output.mistakes)
    for mistakes, target in shown_for:
        pages = [answered.page(row, some.inputs[place[row]], reasons, label) for row, label in mistakes.items()]
        with atomic_folder(target) as folder:
            write_pages(pages, folder, job.threads, Progress("pages written"))


if __name__ == "__main__":
    with door(snakemake):  # noqa: F821
        main(snakemake)  # noqa: F821
