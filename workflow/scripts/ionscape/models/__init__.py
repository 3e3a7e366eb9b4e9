"""Model families. Each module has a class ``Model`` with ``fit``, ``logits``, ``save`` and ``load``."""
