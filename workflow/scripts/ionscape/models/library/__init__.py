"""Family ``library``: a yardstick, cosine similarity to the mean mass spectrum of each label.

In: images. Out: logits, and each m/z's part in the match.
It is no search of single peaks.
"""
