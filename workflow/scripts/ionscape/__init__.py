"""ionscape: compound families from raw mass-spectrometry runs. Pure functions; the rules' scripts are their only doors."""

import sys


def _say_in_one_line(kind: type[BaseException], error: BaseException, trace) -> None:
    """What ends a rule's script before its door is open, as Ctrl-C or too little memory: one line, the rest in its log."""
    import traceback

    job = sys.modules["__main__"].snakemake
    try:
        with open(job.log[0], "a", encoding="utf-8") as log:
            traceback.print_exception(kind, error, trace, file=log)
        where = f" (traceback in {job.log[0]})"
    except (OSError, MemoryError):
        where = ""
    reason = "Ctrl-C" if kind is KeyboardInterrupt else f"{kind.__name__}: {str(error) or 'out of memory'}"
    print(f"{job.rule}: {reason}: stopped while its packages were imported{where}", file=sys.stderr)


if type(getattr(sys.modules["__main__"], "snakemake", None)).__name__ == "Snakemake":
    sys.excepthook = _say_in_one_line
