# A finished run's ensemble as a folder that travels, and answers for new runs by such a folder.


rule export:
    input:
        samples="<results>/samples.parquet",
        runs="<results>/runs.parquet",
        folds="<results>/folds.parquet",
        known="<results>/known.parquet",
        ensemble="<results>/ensemble/ensemble.json",
        metrics="<results>/ensemble/metrics.json",
        weights=for_new("weights.safetensors"),
        facts=for_new("model.json"),
    output:
        update(directory("<results>/export")),
    log:
        "<logs>/export.log",
    benchmark:
        "<benchmarks>/export.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        run=CONFIG.run,
        columns=COLUMNS,
        grid=GRID,
        side=SIDE,
        features=CONFIG.features.model_dump(),
        models={name: model.stored() for name, model in MODELS.items()},
        fits={name: ["refit"] if name in REFITTED else list(range(COUNTS[name])) for name in MODELS},
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
        predictions=update("<predictions>/predictions.csv"),
        pages=update(directory("<predictions>/pages")),
    log:
        "<predictions>/predict.log",
    benchmark:
        "<predictions>/predict.tsv"
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
