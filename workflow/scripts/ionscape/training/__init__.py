"""How a network is trained, whichever it is: batches, schedule, step, loop, checkpoint, device.

In: a network, samples, settings. Out: the network with the weights that were kept, and its history. Knows no family.
To add a way of training: a function in the module of its subject, and a key of the networks' settings.

Keys: :mod:`.settings`. Rows of an epoch, and how they reach the device: :mod:`.batches`. Forward to AdamW:
:mod:`.step`; on a GPU as CUDA graphs: :mod:`.graphs`. Epochs, and which weights are kept: :mod:`.loop`. Validation
and prediction in batches: :mod:`.prediction`. Precision, threads, out of memory: :mod:`.device`. What a checkpoint is
good for: :mod:`.checkpoint`.
"""
