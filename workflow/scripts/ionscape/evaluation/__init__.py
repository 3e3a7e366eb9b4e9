"""Folds, labels and probabilities of several models: cross-validation, scores, selection, blending, diagnostics.

In: samples, folds, logits. Out: an ensemble (ensemble.json), its scores (metrics.json) and a submission.
To add a metric: :mod:`.metrics`. To add a way of blending: METHODS in :mod:`.blending`.
"""
