"""Fixed-size-list columns of Parquet as arrays, and back."""

import numpy as np
import pyarrow as pa


def vectors(column: pa.ChunkedArray) -> np.ndarray:
    """A fixed-size-list column as one contiguous float32 array (rows, list size): a copy that may be written to."""
    size = column.type.list_size
    result = np.empty((len(column), size), dtype=np.float32)
    start = 0
    for chunk in column.chunks:
        result[start : start + len(chunk)] = chunk.flatten().to_numpy(zero_copy_only=True).reshape(-1, size)
        start += len(chunk)
    return result


def vector_column(rows: np.ndarray) -> pa.FixedSizeListArray:
    """The reverse of :func:`vectors`: (rows, size) float32 → fixed_size_list<float>[size]."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
