"""What people look at: pages, figures, the leaderboard, a run's last lines. Only here are sentences written.

In: artefacts of the other rooms. Out: HTML that needs nothing else, PNG, text.
To add a page: a module here. To add a figure: a function in :mod:`.figures`, drawn by a rule of workflow/rules/report.smk.

A module a page, by its name; :mod:`.answered` puts together what the pages of known samples show, :mod:`.summary` a
run's last three lines, :mod:`.leaderboard` its rows in every layout. What all pages share: :mod:`.html`.
"""
