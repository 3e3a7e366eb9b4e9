"""Why a label was given: each model's evidence, combined as the ensemble weighs the models.

In: fitted models and samples that they did not see. Out: shares of m/z and time for each (sample, label), and their means.
How one family finds its evidence is in that family's folder.
"""
