"""Files read in blocks, whatever compresses them, so that neither their size nor what they expand to fills the memory."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ..errors import InputError

#: One block holds a usual run whole.
BLOCK_BYTES = 1 << 22

#: Ends of the names of compressed files, in lower case.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

#: A file that expands to more than both is no run: those become 3 to 20 times larger.
LARGEST_BYTES, LARGEST_RATIO = 1 << 26, 100


def expanded(path: Path) -> Iterator[bytes]:
    """A file's content in blocks of BLOCK_BYTES, the last one shorter; ``.gz`` and ``.zst`` are expanded.

    Raises:
        InputError: it cannot be read, is damaged or ends early, or it expands to far more than any run.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    total = 0
    try:
        with pa.OSFile(str(path)) as file:
            stream = pa.CompressedInputStream(file, compression) if compression else file
            while block := stream.read(BLOCK_BYTES):
                total += len(block)
                if total > max(LARGEST_BYTES, LARGEST_RATIO * file.tell()):
                    raise InputError(f"{path}: expands to more than {LARGEST_RATIO} times its size: no run does")
                yield block
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        hint = "; the compressed file is damaged or ends early" if compression else ""
        raise InputError(f"{path}: cannot be read: {str(error).strip()}{hint}") from error
