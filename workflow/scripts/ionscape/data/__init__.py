"""The user's data: metadata, labels, runs, and what instruments' software exports; and the embedded example.

In: a folder in the challenges' layout. Out: checked samples (samples.parquet) and runs of axis × m/z × intensity.
To add a file format: a module in :mod:`.readers`.
"""
