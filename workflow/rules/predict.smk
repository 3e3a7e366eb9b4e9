# A finished run's ensemble as a folder that travels, and answers for new runs by such a folder.


rule export:
    input:
        samples=f"{RESULTS}/samples.parquet",
        runs=f"{RESULTS}/runs.parquet",
        folds=f"{RESULTS}/folds.parquet",
        ensemble=f"{RESULTS}/ensemble/ensemble.json",
        metrics=f"{RESULTS}/ensemble/metrics.json",
        weights=expand(f"{RESULTS}/models/{{model}}/fold{{fold}}/weights.safetensors", model=MODELS, fold=FOLDS),
        facts=expand(f"{RESULTS}/models/{{model}}/fold{{fold}}/model.json", model=MODELS, fold=FOLDS),
    output:
        update(directory(f"{RESULTS}/export")),
    log:
        f"{RESULTS}/logs/export.log",
    benchmark:
        f"{RESULTS}/benchmarks/export.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        run=CONFIG.run,
        columns=COLUMNS,
        grid=GRID,
        side=SIDE,
        features=CONFIG.features.model_dump(),
        models={name: model.stored() for name, model in MODELS.items()},
        folds=CONFIG.folds.count,
        trained=models_folder,
        version=version("export"),
    message:
        "Packing the ensemble into {output}"
    script:
        "../scripts/export.py"


rule predict:
    input:
        model=exported_model,
        runs=new_runs,
    output:
        predictions=update(f"{PREDICTIONS}/predictions.csv"),
        pages=update(directory(f"{PREDICTIONS}/pages")),
    log:
        f"{PREDICTIONS}/predict.log",
    benchmark:
        f"{PREDICTIONS}/predict.tsv"
    conda:
        "../../envs/cuda.yaml"
    threads: 8
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=1,
    params:
        model=CONFIG.model,
        new=CONFIG.new,
    message:
        "Answering for {params.new} with {params.model}"
    script:
        "../scripts/predict.py"
