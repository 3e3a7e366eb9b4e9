"""The user's data: metadata, labels, runs, and what instruments' software exports; and the embedded example.

In: a folder in the challenges' layout. Out: checked samples (samples.parquet) and runs of axis × m/z × intensity.
To add a file format: a module in :mod:`.readers`.

Which files there are, unread: :mod:`.folder`. All checks of a data set together: :mod:`.check`. One run in memory:
:mod:`.run`; on the disk: :mod:`.run_file`; its ranges and counts: :mod:`.run_facts`. The example's spectra are in
:mod:`.example.library`, its peaks, noise and drift in :mod:`.example.chromatography`, its files in
:mod:`.example.writer`.
"""
