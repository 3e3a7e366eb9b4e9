"""The figures, as matplotlib draws them: a module a subject, one style for all.

In: arrays and names. Out: a Figure; :func:`.style.to_png` makes bytes of it.
To add a figure: a function in the module of its subject, and an output with its caption in workflow/rules/report.smk.
"""
