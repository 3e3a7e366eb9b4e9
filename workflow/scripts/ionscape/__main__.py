"""``python -m ionscape``: the console command, where it is not installed."""

from .cli import main

main()
