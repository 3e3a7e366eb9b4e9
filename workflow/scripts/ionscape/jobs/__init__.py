"""What a rule's script is beside its work: its log, progress, signals, locks, GPU, and what Slurm says of it.

In: Snakemake's job. Out: a job that ends in one line, loses nothing and leaves nothing behind. Knows no samples or models.
To add an executor that hands out GPUs by itself: a module beside :mod:`.slurm`, which :mod:`.gpu` asks.
"""
