"""What a rule's script is beside its work: its log, progress, signals, locks, GPU, and what Slurm says of it.

In: Snakemake's job. Out: a job that ends in one line, loses nothing and leaves nothing behind. Knows no samples or models.
To add an executor that hands out GPUs by itself: a module beside :mod:`.slurm`, which :mod:`.lease` asks.

Logging and one-line errors: :mod:`.script`. Which GPUs there are: :mod:`.gpu`; who gets one, and how many share it:
:mod:`.lease`. One job a folder: :mod:`.locks`. What ends a job early: :mod:`.signals`. Lines while it runs:
:mod:`.progress`; ``ionscape status``: :mod:`.status`. What happens as Snakemake starts, ends and fails:
:mod:`.hooks`.
"""
