# What people look at: pictures of data, trainings, ensemble and evidence. `snakemake --report report.html` binds them.


rule report:
    input:
        REPORT,


rule plot_data:
    input:
        samples="<results>/samples.parquet",
        images=gather.shard("<results>/images/raw/{scatteritem}.parquet"),
    output:
        labels=report(
            update("<results>/report/labels.png"),
            caption="../report/labels.rst",
            category="1 Data",
            subcategory="Overview",
            labels={"figure": "labels, and labels together"},
        ),
        tics=report(
            update("<results>/report/tics.png"),
            caption="../report/tics.rst",
            category="1 Data",
            subcategory="Overview",
            labels={"figure": "total ion chromatograms"},
        ),
        samples=report(
            update(directory("<results>/report/images")),
            patterns=["{sample}.png"],
            caption="../report/images.rst",
            category="1 Data",
            subcategory="Images of samples",
            labels={"sample": "{sample}"},
        ),
    log:
        "<logs>/plot_data.log",
    benchmark:
        "<benchmarks>/plot_data.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        samples=CONFIG.report.samples,
    message:
        "Drawing the data set"
    script:
        "../scripts/plot_data.py"


rule plot_training:
    input:
        histories=of_folds("history.parquet"),
        metrics="<results>/ensemble/metrics.json",
    output:
        curves=report(
            update(directory("<results>/report/curves")),
            patterns=["{model}.png"],
            caption="../report/curves.rst",
            category="2 Training",
            subcategory="Learning curves",
            labels={"model": "{model}"},
        ),
        jobs=report(
            update("<results>/report/jobs.png"),
            caption="../report/jobs.rst",
            category="2 Training",
            subcategory="Overview",
            labels={"figure": "time and memory of all jobs"},
        ),
        trainings=report(
            update("<results>/report/trainings.html"),
            caption="../report/trainings.rst",
            category="2 Training",
            subcategory="Overview",
            labels={"figure": "all trainings, and what was started again"},
        ),
    log:
        "<logs>/plot_training.log",
    benchmark:
        "<benchmarks>/plot_training.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        results=results_folder,
        models=list(MODELS),
    message:
        "Drawing the trainings"
    script:
        "../scripts/plot_training.py"


rule plot_ensemble:
    input:
        samples="<results>/samples.parquet",
        ensemble="<results>/ensemble/ensemble.json",
        metrics="<results>/ensemble/metrics.json",
        nested="<results>/ensemble/nested.parquet",
    output:
        leaderboard=report(
            update("<results>/report/leaderboard.html"),
            caption="../report/leaderboard.rst",
            category="3 Leaderboard",
            labels={"figure": "leaderboard, sortable"},
        ),
        correlations=report(
            update("<results>/report/correlations.png"),
            caption="../report/correlations.rst",
            category="3 Leaderboard",
            labels={"figure": "correlation of the models"},
        ),
        weights=report(
            update("<results>/report/weights.png"),
            caption="../report/weights.rst",
            category="3 Leaderboard",
            labels={"figure": "weights of the ensemble"},
        ),
        walks=report(
            update("<results>/report/walks.png"),
            caption="../report/walks.rst",
            category="3 Leaderboard",
            labels={"figure": "which models: grow and drop"},
        ),
        reliability=report(
            update("<results>/report/reliability.png"),
            caption="../report/reliability.rst",
            category="4 Trust",
            subcategory="Overview",
            labels={"figure": "reliability diagrams"},
        ),
        similarity=report(
            update("<results>/report/similarity.png"),
            caption="../report/similarity.rst",
            category="4 Trust",
            subcategory="Overview",
            labels={"figure": "log loss by similarity"},
        ),
        precision_recall=report(
            update("<results>/report/precision_recall.png"),
            caption="../report/precision_recall.rst",
            category="4 Trust",
            subcategory="Overview",
            labels={"figure": "precision and recall"},
        ),
    log:
        "<logs>/plot_ensemble.log",
    benchmark:
        "<benchmarks>/plot_ensemble.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        families={name: model.family for name, model in MODELS.items()},
    message:
        "Drawing the ensemble"
    script:
        "../scripts/plot_ensemble.py"


rule explain:
    input:
        samples="<results>/samples.parquet",
        folds="<results>/folds.parquet",
        images=gather.shard("<results>/images/raw/{scatteritem}.parquet"),
        oof="<results>/logits/oof.parquet",
        similarity="<results>/similarity.parquet",
        ensemble="<results>/ensemble/ensemble.json",
        nested="<results>/ensemble/nested.parquet",
        weights=of_folds("weights.safetensors"),
        on_gpu=of_folds("weights.safetensors", ON_GPU),
    output:
        means=update("<results>/evidence.parquet"),
        mistakes=report(
            update(directory("<results>/report/mistakes")),
            patterns=["{sample}.html"],
            caption="../report/mistakes.rst",
            category="4 Trust",
            subcategory="Most confident mistakes",
            labels={"sample": "{sample}"},
        ),
        labels=report(
            update(directory("<results>/report/evidence")),
            patterns=["{label}.png"],
            caption="../report/evidence.rst",
            category="5 Evidence",
            subcategory="Labels",
            labels={"label": "{label}"},
        ),
        samples=report(
            update(directory("<results>/report/samples")),
            patterns=["{sample}.html"],
            caption="../report/samples.rst",
            category="5 Evidence",
            subcategory="Samples",
            labels={"sample": "{sample}"},
        ),
    log:
        "<logs>/explain.log",
    benchmark:
        "<benchmarks>/explain.tsv"
    conda:
        environment(ON_GPU)
    threads: 8
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=1 if ON_GPU else None,
    params:
        report=CONFIG.report.model_dump(),
        features=CONFIG.features.model_dump(),
        models=models_folder,
        version=version("evidence"),
    message:
        "Asking the models which ions speak for their answers"
    script:
        "../scripts/explain.py"


rule provenance:
    input:
        "<results>/ensemble/metrics.json",
    output:
        report(
            update("<results>/report/provenance.html"),
            caption="../report/provenance.rst",
            category="6 Provenance",
            labels={"figure": "code, packages, machines, seeds, configuration"},
        ),
    log:
        "<logs>/provenance.log",
    benchmark:
        "<benchmarks>/provenance.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        results=results_folder,
        config=CONFIG.model_dump(),
        repository=workflow.basedir,
    message:
        "Writing down where the results come from"
    script:
        "../scripts/provenance.py"
