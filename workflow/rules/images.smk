# Runs → mass × time images → normalizations and features.


rule images:
    input:
        expand(f"{RESULTS}/images/{{normalization}}.parquet", normalization=normalizations()),


rule render_images:
    input:
        samples=f"{RESULTS}/samples.parquet",
    output:
        update(f"{RESULTS}/images/raw/{{scatteritem}}.parquet"),
    log:
        f"{RESULTS}/logs/render_images/{{scatteritem}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/render_images/{{scatteritem}}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
        gpu=0,
    params:
        root=data_root,
        columns=COLUMNS,
        grid=GRID,
        version=version("images"),
    message:
        "Rendering runs as images, shard {wildcards.scatteritem}"
    script:
        "../scripts/render_images.py"


rule normalize_images:
    input:
        gather.shard(f"{RESULTS}/images/raw/{{scatteritem}}.parquet"),
    output:
        update(f"{RESULTS}/images/{{normalization}}.parquet"),
    log:
        f"{RESULTS}/logs/normalize_images/{{normalization}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/normalize_images/{{normalization}}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        version=version("images"),
    message:
        "Normalizing images: {wildcards.normalization}"
    script:
        "../scripts/normalize_images.py"


rule extract_features:
    input:
        gather.shard(f"{RESULTS}/images/raw/{{scatteritem}}.parquet"),
    output:
        update(f"{RESULTS}/features.parquet"),
    log:
        f"{RESULTS}/logs/extract_features.log",
    benchmark:
        f"{RESULTS}/benchmarks/extract_features.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
        gpu=0,
    params:
        features=CONFIG.features.model_dump(),
        version=version("features"),
    message:
        "Extracting per-mass statistics of all runs"
    script:
        "../scripts/extract_features.py"
