"""Family ``kernel``: kernel logistic regression on how alike samples are.

In: images. Out: logits in seconds, and each cell's part in the similarities.
To add a view of an image: ``views_of`` in :mod:`.model`.
"""
