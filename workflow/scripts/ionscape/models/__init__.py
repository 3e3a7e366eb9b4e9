"""The model families: a folder each, found by its name in the configuration.

In: training samples and the family's settings. Out: a fitted model with logits, evidence, and two files that hold it.
To add a family: a folder with family.py; docs/extending.md does it from beginning to end.

In a family's folder: its settings and what a job of it asks for (family.py); its inputs, draws, features and steps of
evidence (model.py). What families share: of networks :mod:`.neural`, with integrated gradients in :mod:`.gradients`;
of models that are a few arrays :mod:`.arrays`, and the answer for a label of one class; of all :mod:`.fitted`. What a
family promises: :mod:`.family`. Weights and JSON of a fitted one: :mod:`.saved`. Files of logits: :mod:`.logits`.
"""
