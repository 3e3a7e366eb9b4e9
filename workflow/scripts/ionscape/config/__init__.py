"""The configuration: what may stand in it, what it means, and what is wrong with it.

In: what Snakemake merged of files and command line. Out: settings, complete and checked, or one message with every problem.
To add a key: its type, bounds, default and description in the section that it belongs to; a family's in its folder.

Keys of all sections: :mod:`.sections`; of every model: :mod:`.model_settings`. What all types obey: :mod:`.base`.
Texts of ``--config`` as numbers and booleans: :mod:`.text`. Defaults and the order of checks: :mod:`.load`. The
wording of a problem, and the nearest name: :mod:`.messages`. What no configuration is, whatever its keys:
:mod:`.strange`.
"""
