"""The model families: a folder each, found by its name in the configuration.

In: training samples and the family's settings. Out: a fitted model with logits, evidence, and two files that hold it.
To add a family: a folder with family.py; docs/extending.md does it from beginning to end.
"""
