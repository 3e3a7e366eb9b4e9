"""Why a label was given: each model's evidence, combined as the ensemble weighs the models.

In: fitted models and samples that they did not see. Out: shares of m/z and time for each (sample, label), and their means.
How one family finds its evidence is in that family's folder.

Which samples and labels are explained: :mod:`.choice`. Only by models that did not see them, loaded one at a time:
:mod:`.out_of_fold`. Several models' evidence as one: :mod:`.combine`. Means a label, and their file: :mod:`.table`.
"""
