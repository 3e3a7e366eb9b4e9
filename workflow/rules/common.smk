# The configuration, the names made of it, and the helper functions of all rules.
import re
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

WORKFLOW = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(WORKFLOW / "scripts"))

from ionscape.config.load import load
from ionscape.data.folder import find_files
from ionscape.errors import InputError
from ionscape.files.versions import FORMATS
from ionscape.jobs import hooks
from ionscape.models.family import families

hooks.report_ctrl_c()
hooks.use_library(WORKFLOW / "scripts")

try:
    FAMILIES = families()
    CONFIG = load(config, {name: known.settings for name, known in FAMILIES.items()})
    RESULTS = f"results/{CONFIG.run}"
    DATA = find_files(CONFIG.dataset, f"{RESULTS}/data")
    NEW = []
    if CONFIG.model or CONFIG.new:
        from ionscape.serving.new_runs import find_new  # half a second: only where it is asked

        NEW = find_new(CONFIG.model, CONFIG.new, CONFIG.predictions)
except InputError as error:
    raise WorkflowError(str(error)) from None

# For scripts that use a GPU; no param, as which device trains is no reason to train again.
config["gpu"] = CONFIG.gpu.model_dump()

MODELS = CONFIG.models
PREDICTIONS = Path(CONFIG.predictions).as_posix()
ON_GPU = [name for name, model in MODELS.items() if FAMILIES[model.family].gpu]
REPORT = [
    "<results>/check.html",
    "<results>/report/labels.png",
    "<results>/report/trainings.html",
    "<results>/report/leaderboard.html",
    "<results>/report/samples",
    "<results>/report/provenance.html",
]
COUNTS = {name: model.folds or CONFIG.folds.count for name, model in MODELS.items()}
FINER = sorted(set(COUNTS.values()) - {CONFIG.folds.count})
REFITTED = [name for name, model in MODELS.items() if model.refit]
COLUMNS = CONFIG.dataset.run_columns
SIDE = CONFIG.dataset.side and CONFIG.dataset.side.model_dump()
GRID = {**CONFIG.images.model_dump(exclude={"shards"}), "limits": CONFIG.dataset.axis.limits}


STARTED = time.time()


pathvars:
    results=RESULTS,
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",
    predictions=PREDICTIONS,


onstart:
    config_file = None if CONFIG.model else Path(RESULTS, "logs", "config.json")  # `predict` trains nothing
    hooks.on_start(workflow, CONFIG.model_dump(), config_file)


onerror:
    hooks.on_error(workflow)


onsuccess:
    from ionscape.report.summary import prediction_lines, run_lines

    given = "".join(f" --configfile {path}" for path in workflow.overwrite_configfiles)
    results = {
        Path(RESULTS, "ensemble", "metrics.json"): lambda: run_lines(Path(RESULTS), given),
        Path(PREDICTIONS, "predictions.csv"): lambda: prediction_lines(Path(PREDICTIONS)),
    }
    hooks.on_success(STARTED, results.items())


def version(kind):
    """A format's version as a param: raising it reruns the rules that write the format."""
    return FORMATS[kind][0]


def growing(amount):
    """A resource of which each attempt at a job gets more: what a cluster stopped for a limit ends at the next."""
    return lambda wildcards, attempt: attempt * amount


def data_root(wildcards):
    """The folder that the paths of the runs are relative to."""
    return DATA.root


def results_folder(wildcards):
    """Where logs and benchmarks are too, which are no outputs."""
    return RESULTS


def models_folder(wildcards):
    """Where the fitted models are: model/fold{k}."""
    return f"{RESULTS}/models"


def family(wildcards):
    """What is known of a model's family before it runs."""
    return FAMILIES[MODELS[wildcards.model].family]


def gpus(wildcards):
    """GPUs that a training wants; without any Snakemake leaves the resource out, as some schedulers ask only if it is there."""
    return family(wildcards).gpu or None


def environment(on_gpu):
    """The conda file of a job: CUDA's libraries are several GB."""
    return f"../../envs/{'cuda' if on_gpu else 'cpu'}.yaml"


def of_folds(file, models=MODELS):
    """A file of every fold of these models."""
    return [f"<results>/models/{name}/fold{fold}/{file}" for name in models for fold in range(COUNTS[name])]


def for_new(file, models=MODELS):
    """A file of the fits that answer for test and new samples: a model's refit, or all its folds."""
    refits = [f"<results>/models/{name}/refit/{file}" for name in models if name in REFITTED]
    return refits + of_folds(file, [name for name in models if name not in REFITTED])


def finer_folds(wildcards):
    """The folds that some models have beside the run's."""
    return [f"<results>/folds-{count}.parquet" for count in FINER]


def folds_file(wildcards):
    """Which sample validates which fold of a model."""
    count = COUNTS[wildcards.model]
    return f"<results>/folds-{count}.parquet" if count in FINER else "<results>/folds.parquet"


def histories_to_refit(wildcards):
    """The folds' trainings, of which a refit's last epoch is the mean; nothing where the last is kept anyway."""
    model = MODELS[wildcards.model]
    chooses = model.training_epochs and model.select == "best_epoch"
    return of_folds("history.parquet", [wildcards.model]) if chooses else []


def model_inputs(wildcards):
    """The table that a model is fitted on."""
    if family(wildcards).inputs == "features":
        return "<results>/features.parquet"
    return f"<results>/images/{MODELS[wildcards.model].input_normalization}.parquet"


def model_inputs_on_gpu(wildcards):
    """The same where the family wants a GPU, else nothing: a profile's expressions see a job's inputs, not its resources."""
    return model_inputs(wildcards) if family(wildcards).gpu else []


def normalizations():
    """The normalizations that some model uses."""
    return sorted({one.input_normalization for one in MODELS.values() if FAMILIES[one.family].inputs == "images"})


def exported_model(wildcards):
    """What identifies the exported folder that is to predict: no rule makes it, so that predicting never trains."""
    if not CONFIG.model:
        raise WorkflowError("predict: name an exported folder and runs: --config model=FOLDER new=FOLDER-OR-FILES")
    return Path(CONFIG.model, "model.json").as_posix()


def new_runs(wildcards):
    """The runs that are to be answered for; a path that cannot be an input of a rule is read all the same."""
    paths = [str(run.path) for run in NEW if run.problem is None and run.path.is_file()]
    return [path for path in paths if not set("{}<>") & set(path)]


wildcard_constraints:
    model="|".join(re.escape(name) for name in MODELS),
    fold="|".join(str(fold) for fold in range(max(COUNTS.values()))),
    number="|".join(str(count) for count in FINER) or "none",
    normalization="|".join(normalizations()) or "none",


scattergather:
    shard=CONFIG.images.shards,
