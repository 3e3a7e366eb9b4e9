# The data set: simulated or given, checked, and split into folds.


rule simulate_example:
    input:
        library=workflow.source_path("../scripts/ionscape/data/example/ei_library.csv"),
    output:
        metadata=update("<results>/data/metadata.csv"),
        labels=update(expand("<results>/data/{split}_labels.csv", split=("train", "val"))),
        submission_format=update("<results>/data/submission_format.csv"),
        compounds=update("<results>/data/compounds.csv"),
        runs=update(directory(expand("<results>/data/{split}_features", split=("train", "val", "test")))),
    log:
        "<logs>/simulate_example.log",
    benchmark:
        "<benchmarks>/simulate_example.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        example=CONFIG.example.model_dump(),
        version=version("example"),
    message:
        "Simulating the example data set"
    script:
        "../scripts/simulate_example.py"


rule check_dataset:
    input:
        metadata=DATA.metadata,
        labels=DATA.labels,
        submission_format=DATA.submission_format or [],
    output:
        samples=update("<results>/samples.parquet"),
        runs=update("<results>/runs.parquet"),
        page=report(
            update("<results>/check.html"),
            caption="../report/check.rst",
            category="1 Data",
            subcategory="Overview",
            labels={"figure": "what the check found"},
        ),
    log:
        "<logs>/check_dataset.log",
    benchmark:
        "<benchmarks>/check_dataset.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        root=data_root,
        columns=COLUMNS,
        side=SIDE,
        group=CONFIG.folds.group,
        grid=GRID,
        version=[version("samples"), version("runs")],
    message:
        "Checking metadata, labels and every run of {params.root}"
    script:
        "../scripts/check_dataset.py"


rule assign_folds:
    input:
        samples="<results>/samples.parquet",
        folds=DATA.folds or [],
        images=gather.shard("<results>/images/raw/{scatteritem}.parquet") if CONFIG.folds.alike else [],
    output:
        update("<results>/folds.parquet"),
    log:
        "<logs>/assign_folds.log",
    benchmark:
        "<benchmarks>/assign_folds.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        folds=CONFIG.folds.model_dump(),
        version=version("folds"),
    message:
        "Assigning the training samples to folds"
    script:
        "../scripts/assign_folds.py"


rule divide_folds:
    input:
        samples="<results>/samples.parquet",
        folds="<results>/folds.parquet",
        images=gather.shard("<results>/images/raw/{scatteritem}.parquet") if CONFIG.folds.alike else [],
    output:
        update("<results>/folds-{number}.parquet"),
    log:
        "<logs>/divide_folds/{number}.log",
    benchmark:
        "<benchmarks>/divide_folds/{number}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        folds=CONFIG.folds.model_dump(),
        version=version("folds"),
    message:
        "Dividing the folds further, into {wildcards.number}"
    script:
        "../scripts/divide_folds.py"


rule find_replicates:
    input:
        samples="<results>/samples.parquet",
        folds="<results>/folds.parquet",
        finer=finer_folds,
        images=gather.shard("<results>/images/raw/{scatteritem}.parquet"),
    output:
        replicates=update("<results>/replicates.parquet"),
        known=update("<results>/known.parquet"),
        similarity=update("<results>/similarity.parquet"),
    log:
        "<logs>/find_replicates.log",
    benchmark:
        "<benchmarks>/find_replicates.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        version=[version("replicates"), version("known"), version("similarity")],
    message:
        "Looking for each sample's most similar run in other folds"
    script:
        "../scripts/find_replicates.py"
