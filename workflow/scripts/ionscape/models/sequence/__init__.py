"""Family ``sequence``: a 1-D network that scores the spectrum of each time bin.

In: images. Out: logits, evidence by integrated gradients, and the events that it sees.
To add an architecture: :mod:`.network`. To add a scaling of the inputs: ``to_sequence`` in :mod:`.model`.
"""
