"""An exported folder, and answers for runs without labels.

In: a finished run, or its exported folder and new files. Out: the folder that travels, predictions.csv, a page a run.
To add a fact that travels with the folder: :mod:`.manifest`, which says what an exported folder holds.
"""
