# All logits → the ensemble, its metrics and the submission.


rule ensemble:
    input:
        "<results>/ensemble/submission.csv",
        "<results>/ensemble/leaderboard.txt",


rule collect_logits:
    input:
        samples="<results>/samples.parquet",
        oof=of_folds("oof.parquet"),
        test=for_new("test.parquet"),
    output:
        oof=update("<results>/logits/oof.parquet"),
        test=update("<results>/logits/test.parquet"),
    log:
        "<logs>/collect_logits.log",
    benchmark:
        "<benchmarks>/collect_logits.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        version=version("logits"),
    message:
        "Collecting the logits of all models and folds"
    script:
        "../scripts/collect_logits.py"


rule fit_ensemble:
    input:
        samples="<results>/samples.parquet",
        folds="<results>/folds.parquet",
        finer=finer_folds,
        replicates="<results>/replicates.parquet",
        similarity="<results>/similarity.parquet",
        oof="<results>/logits/oof.parquet",
        test="<results>/logits/test.parquet",
    output:
        ensemble=update("<results>/ensemble/ensemble.json"),
        oof=update("<results>/ensemble/oof.parquet"),
        nested=update("<results>/ensemble/nested.parquet"),
        submission=update("<results>/ensemble/submission.csv"),
        metrics=update("<results>/ensemble/metrics.json"),
        leaderboard=update("<results>/ensemble/leaderboard.txt"),
    log:
        "<logs>/fit_ensemble.log",
    benchmark:
        "<benchmarks>/fit_ensemble.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        ensemble=CONFIG.ensemble.model_dump(),
        families={name: model.family for name, model in MODELS.items()},
        counts=COUNTS,
        refitted=REFITTED,
        version=[version("logits"), version("ensemble"), version("metrics")],
    message:
        "Fitting the ensemble"
    script:
        "../scripts/fit_ensemble.py"
