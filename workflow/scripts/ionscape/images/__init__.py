"""Runs as mass × time images, and all that is computed of images without weights.

In: runs. Out: images in Parquet files, normalized, as features, transformed, or compared with each other.
To add a normalization: an entry of NORMALIZATIONS in :mod:`.normalization`.
"""
