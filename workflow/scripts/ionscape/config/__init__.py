"""The configuration: what may stand in it, what it means, and what is wrong with it.

In: what Snakemake merged of files and command line. Out: settings, complete and checked, or one message with every problem.
To add a key: its type, bounds, default and description in the section that it belongs to; a family's in its folder.
"""
