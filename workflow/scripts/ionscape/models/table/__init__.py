"""Family ``table``: LightGBM or logistic regression on per-mass statistics.

In: features.parquet's columns. Out: logits, and the columns that count.
To add a classifier: its fit and its contributions in :mod:`.model`.
"""
