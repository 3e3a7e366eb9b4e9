# ionscape: from raw mass-spectrometry runs to compound families.
# Settings are in config.yaml, stages in workflow/rules/, what they compute in workflow/scripts/ionscape/.
# Outputs are update(): each file is written beside itself and renamed, so that a job that fails leaves the earlier one.
from snakemake.utils import min_version

min_version("9.27")

# Snakemake merges configfiles: a preset must not also train the example's models.
if not workflow.overwrite_configfiles:

    configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"


localrules:
    simulate_example,
    assign_folds,
    collect_logits,
    plot_data,
    plot_training,
    plot_ensemble,
    provenance,


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        "<results>/ensemble/submission.csv",
        REPORT,


include: "workflow/rules/data.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/ensemble.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/predict.smk"
