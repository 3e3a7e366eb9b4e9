# The data set: simulated or given, checked, and split into folds.


rule simulate_example:
    input:
        library=workflow.source_path("../scripts/ionscape/data/example/ei_library.csv"),
    output:
        metadata=update(f"{RESULTS}/data/metadata.csv"),
        labels=[update(f"{RESULTS}/data/{split}_labels.csv") for split in ("train", "val")],
        submission_format=update(f"{RESULTS}/data/submission_format.csv"),
        compounds=update(f"{RESULTS}/data/compounds.csv"),
        runs=[update(directory(f"{RESULTS}/data/{split}_features")) for split in ("train", "val", "test")],
    log:
        f"{RESULTS}/logs/simulate_example.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_example.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
        gpu=0,
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
        samples=update(f"{RESULTS}/samples.parquet"),
        runs=update(f"{RESULTS}/runs.parquet"),
        page=report(
            update(f"{RESULTS}/check.html"),
            caption="../report/check.rst",
            category="1 Data",
            subcategory="Overview",
            labels={"figure": "what the check found"},
        ),
    log:
        f"{RESULTS}/logs/check_dataset.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_dataset.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
        gpu=0,
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
        samples=f"{RESULTS}/samples.parquet",
        folds=DATA.folds or [],
        images=gather.shard(f"{RESULTS}/images/raw/{{scatteritem}}.parquet") if CONFIG.folds.alike else [],
    output:
        update(f"{RESULTS}/folds.parquet"),
    log:
        f"{RESULTS}/logs/assign_folds.log",
    benchmark:
        f"{RESULTS}/benchmarks/assign_folds.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
        gpu=0,
    params:
        folds=CONFIG.folds.model_dump(),
        version=version("folds"),
    message:
        "Assigning the training samples to folds"
    script:
        "../scripts/assign_folds.py"


rule find_replicates:
    input:
        folds=f"{RESULTS}/folds.parquet",
        images=gather.shard(f"{RESULTS}/images/raw/{{scatteritem}}.parquet"),
    output:
        update(f"{RESULTS}/replicates.parquet"),
    log:
        f"{RESULTS}/logs/find_replicates.log",
    benchmark:
        f"{RESULTS}/benchmarks/find_replicates.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        version=version("replicates"),
    message:
        "Looking for replicates in different folds"
    script:
        "../scripts/find_replicates.py"
