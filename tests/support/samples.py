"""Tables of samples as tests want them."""

from collections.abc import Sequence

import numpy as np

from ionscape.data.samples import SampleTable


def sample_table(ids: Sequence[str], labels: Sequence[str], truth: np.ndarray, **others) -> SampleTable:
    """A table of samples; what is not given is as plain as can be: all in train, no side flag, each a group of its own."""
    n = len(ids)
    values = {
        "splits": ["train"] * n,
        "side": np.zeros(n, np.int64),
        "groups": list(ids),
        "paths": [f"{sample}.csv" for sample in ids],
        "md5": [f"md5 of {sample}" for sample in ids],
        "rows": np.ones(n, np.int64),
        "predicted": np.zeros(n, bool),
        "submission": [],
        "submission_labels": list(labels),
    }
    truth = np.asarray(truth, dtype=np.float32).reshape(n, len(labels))
    return SampleTable(ids=list(ids), labels=list(labels), truth=truth, **values | others)
