# Runs → mass × time images → normalizations and features.


rule images:
    input:
        expand("<results>/images/{normalization}.parquet", normalization=normalizations()),


rule render_images:
    input:
        samples="<results>/samples.parquet",
    output:
        update("<results>/images/raw/{scatteritem}.parquet"),
    log:
        "<logs>/render_images/{scatteritem}.log",
    benchmark:
        "<benchmarks>/render_images/{scatteritem}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
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
        gather.shard("<results>/images/raw/{scatteritem}.parquet"),
    output:
        update("<results>/images/{normalization}.parquet"),
    log:
        "<logs>/normalize_images/{normalization}.log",
    benchmark:
        "<benchmarks>/normalize_images/{normalization}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        version=version("images"),
    message:
        "Normalizing images: {wildcards.normalization}"
    script:
        "../scripts/normalize_images.py"


rule extract_features:
    input:
        gather.shard("<results>/images/raw/{scatteritem}.parquet"),
    output:
        update("<results>/features.parquet"),
    log:
        "<logs>/extract_features.log",
    benchmark:
        "<benchmarks>/extract_features.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        features=CONFIG.features.model_dump(),
        version=version("features"),
    message:
        "Extracting per-mass statistics of all runs"
    script:
        "../scripts/extract_features.py"
