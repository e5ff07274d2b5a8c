"""GGUF files: read, dequantised, and made once into the folder that `transformers` loads."""

from backend.core.gguf.reader import GgufError, GgufFile
from backend.core.gguf.unpack import (
    Packed,
    Report,
    is_unpacked,
    local_folder,
    packed_in,
    read_record,
    to_stderr,
    unpacked,
)

__all__ = [
    "GgufError",
    "GgufFile",
    "Packed",
    "Report",
    "is_unpacked",
    "local_folder",
    "packed_in",
    "read_record",
    "to_stderr",
    "unpacked",
]
