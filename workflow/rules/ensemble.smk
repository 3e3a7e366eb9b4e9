# All logits → the ensemble, its metrics and the submission.


rule ensemble:
    input:
        f"{RESULTS}/ensemble/submission.csv",
        f"{RESULTS}/ensemble/leaderboard.txt",


rule collect_logits:
    input:
        samples=f"{RESULTS}/samples.parquet",
        oof=expand(f"{RESULTS}/models/{{model}}/fold{{fold}}/oof.parquet", model=MODELS, fold=FOLDS),
        test=expand(f"{RESULTS}/models/{{model}}/fold{{fold}}/test.parquet", model=MODELS, fold=FOLDS),
    output:
        oof=update(f"{RESULTS}/logits/oof.parquet"),
        test=update(f"{RESULTS}/logits/test.parquet"),
    log:
        f"{RESULTS}/logs/collect_logits.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_logits.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
        gpu=0,
    params:
        version=version("logits"),
    message:
        "Collecting the logits of all models and folds"
    script:
        "../scripts/collect_logits.py"


rule fit_ensemble:
    input:
        samples=f"{RESULTS}/samples.parquet",
        folds=f"{RESULTS}/folds.parquet",
        replicates=f"{RESULTS}/replicates.parquet",
        oof=f"{RESULTS}/logits/oof.parquet",
        test=f"{RESULTS}/logits/test.parquet",
    output:
        ensemble=update(f"{RESULTS}/ensemble/ensemble.json"),
        oof=update(f"{RESULTS}/ensemble/oof.parquet"),
        nested=update(f"{RESULTS}/ensemble/nested.parquet"),
        submission=update(f"{RESULTS}/ensemble/submission.csv"),
        metrics=update(f"{RESULTS}/ensemble/metrics.json"),
        leaderboard=update(f"{RESULTS}/ensemble/leaderboard.txt"),
    log:
        f"{RESULTS}/logs/fit_ensemble.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit_ensemble.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        ensemble=CONFIG.ensemble.model_dump(),
        families={name: model.family for name, model in MODELS.items()},
        version=[version("logits"), version("ensemble"), version("metrics")],
    message:
        "Fitting the ensemble"
    script:
        "../scripts/fit_ensemble.py"
