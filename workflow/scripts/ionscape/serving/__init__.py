"""An exported folder, and answers for runs without labels.

In: a finished run, or its exported folder and new files. Out: the folder that travels, predictions.csv, a page a run.
To add a fact that travels with the folder: :mod:`.manifest`, which says what an exported folder holds.

Which files are runs, and what is read of them: :mod:`.new_runs`. Whether one looks like the known:
:mod:`.applicability`. Its probabilities, and how far the models differ: :mod:`.predict`. How answers are written,
table and pages: :mod:`.predictions`.
"""
