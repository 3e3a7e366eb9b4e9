"""Folds, labels and probabilities of several models: cross-validation, scores, selection, blending, diagnostics.

In: samples, folds, logits. Out: an ensemble (ensemble.json), its scores (metrics.json) and a submission.
To add a metric: :mod:`.metrics`. To add a way of blending: METHODS in :mod:`.blending`.

Which sample validates which fold: :mod:`.folds`. One model on one fold, and what it leaves: :mod:`.cross_validation`.
Which models are taken (grow, drop, when each stops): :mod:`.selection`. How near a sample is to what its models
learnt from: :mod:`.replicates`. Correlations, calibration, suspects: :mod:`.diagnostics`. What metrics.json holds:
:mod:`.run_metrics`; how it is filled: :mod:`.summary`.
"""
