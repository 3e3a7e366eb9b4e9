# One job a model and fold, and one a model that is fitted on all training samples too.


rule train:
    input:
        of_folds("oof.parquet"),
        for_new("test.parquet"),


rule train_fold:
    input:
        samples="<results>/samples.parquet",
        folds=folds_file,
        inputs=model_inputs,
        on_gpu=model_inputs_on_gpu,
    output:
        oof=update("<results>/models/{model}/fold{fold}/oof.parquet"),
        test=update("<results>/models/{model}/fold{fold}/test.parquet"),
        weights=update("<results>/models/{model}/fold{fold}/weights.safetensors"),
        facts=update("<results>/models/{model}/fold{fold}/model.json"),
        history=update("<results>/models/{model}/fold{fold}/history.parquet"),
    log:
        "<logs>/train_fold/{model}/fold{fold}.log",
    benchmark:
        "<benchmarks>/train_fold/{model}/fold{fold}.tsv"
    retries: 2  # a job that was stopped goes on from its checkpoint
    conda:
        lambda wildcards: environment(family(wildcards).gpu)
    threads: lambda wildcards: family(wildcards).threads
    resources:
        mem_mb=lambda wildcards, attempt: attempt * family(wildcards).mem_mb,
        runtime=lambda wildcards, attempt: attempt * family(wildcards).runtime,
        gpu=gpus,
    params:
        settings=lambda wildcards: MODELS[wildcards.model].stored(),
        version=[version("logits"), version("model"), version("history")],
    message:
        "Training {wildcards.model}, fold {wildcards.fold} (threads={threads})"
    script:
        "../scripts/train_fold.py"


rule refit:
    input:
        samples="<results>/samples.parquet",
        folds="<results>/folds.parquet",
        inputs=model_inputs,
        on_gpu=model_inputs_on_gpu,
        histories=histories_to_refit,
    output:
        test=update("<results>/models/{model}/refit/test.parquet"),
        weights=update("<results>/models/{model}/refit/weights.safetensors"),
        facts=update("<results>/models/{model}/refit/model.json"),
        history=update("<results>/models/{model}/refit/history.parquet"),
    log:
        "<logs>/refit/{model}.log",
    benchmark:
        "<benchmarks>/refit/{model}.tsv"
    retries: 2  # a job that was stopped goes on from its checkpoint
    conda:
        lambda wildcards: environment(family(wildcards).gpu)
    threads: lambda wildcards: family(wildcards).threads
    resources:
        mem_mb=lambda wildcards, attempt: attempt * family(wildcards).mem_mb,
        runtime=lambda wildcards, attempt: attempt * family(wildcards).runtime,
        gpu=gpus,
    params:
        settings=lambda wildcards: MODELS[wildcards.model].stored(),
        version=[version("logits"), version("model"), version("history")],
    message:
        "Training {wildcards.model} on all training samples (threads={threads})"
    script:
        "../scripts/refit.py"
