# One job a model and fold.


rule train:
    input:
        expand(f"{RESULTS}/models/{{model}}/fold{{fold}}/oof.parquet", model=MODELS, fold=FOLDS),


rule train_fold:
    input:
        samples=f"{RESULTS}/samples.parquet",
        folds=f"{RESULTS}/folds.parquet",
        inputs=model_inputs,
        on_gpu=model_inputs_on_gpu,
    output:
        oof=update(f"{RESULTS}/models/{{model}}/fold{{fold}}/oof.parquet"),
        test=update(f"{RESULTS}/models/{{model}}/fold{{fold}}/test.parquet"),
        weights=update(f"{RESULTS}/models/{{model}}/fold{{fold}}/weights.safetensors"),
        facts=update(f"{RESULTS}/models/{{model}}/fold{{fold}}/model.json"),
        history=update(f"{RESULTS}/models/{{model}}/fold{{fold}}/history.parquet"),
    log:
        f"{RESULTS}/logs/train_fold/{{model}}/fold{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_fold/{{model}}/fold{{fold}}.tsv"
    retries: 2  # a job that was stopped goes on from its checkpoint
    conda:
        "../../envs/cuda.yaml"
    threads: lambda wildcards: family(wildcards).threads
    resources:
        mem_mb=lambda wildcards, attempt: attempt * family(wildcards).mem_mb,
        runtime=lambda wildcards, attempt: attempt * family(wildcards).runtime,
        gpu=lambda wildcards: family(wildcards).gpu,
    params:
        settings=lambda wildcards: MODELS[wildcards.model].stored(),
        version=[version("logits"), version("model"), version("history")],
    message:
        "Training {wildcards.model}, fold {wildcards.fold} (threads={threads}, gpu={resources.gpu})"
    script:
        "../scripts/train_fold.py"
