"""How a network is trained, whichever it is: batches, schedule, step, loop, checkpoint, device.

In: a network, samples, settings. Out: the network with the weights that were kept, and its history. Knows no family.
To add a way of training: a function in the module of its subject, and a key of the networks' settings.
"""
