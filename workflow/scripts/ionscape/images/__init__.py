"""Runs as mass × time images, and all that is computed of images without weights.

In: runs. Out: images in Parquet files, normalized, as features, transformed, or compared with each other.
To add a normalization: an entry of NORMALIZATIONS in :mod:`.normalization`.

From a run to its image: :mod:`.render`. Their files: :mod:`.store`. Scaling, channels, resizing, and every
augmentation (mixup, overlay of two runs, mass scaling, warps), as functions of drawn numbers: :mod:`.transforms`; a
family draws the numbers. Columns for table models: :mod:`.features`. Cosines between runs: :mod:`.similarity`.
"""
