"""The embedded example: GC-MS runs simulated from a small library of compounds.

In: the library's CSV, a number of runs and a seed. Out: a folder in the challenge's layout, and which compounds are in it.
To add a compound: a line in the library. :mod:`.chromatography` is what an instrument would have seen.
"""
