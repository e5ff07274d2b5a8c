"""A GGUF file's metadata and tensors, read with `struct`. Nobody's code runs: what is read is
bytes.

The file may lie in pieces that are read as one, in order. Layout: magic, version, metadata, table
of tensors, then the tensors' data, aligned. Versions 2 and 3, little-endian.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from backend.core.gguf.blocks import BLOCKS, BlockType

MAGIC, VERSIONS, ALIGNMENT = b"GGUF", (2, 3), 32
_STRING, _ARRAY = 8, 9
_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_READ = 1 << 22  # bytes of the header read at a time
MAX_DIMENSIONS = 4


class GgufError(ValueError):
    """A file that is no GGUF, is damaged, or holds what is not read here; the message names the
    file and which.
    """


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies. `shape` as in torch: rows first, a row being contiguous in the file."""

    name: str
    shape: tuple[int, ...]
    type_id: int  # of ggml
    offset: int  # from the start of the data

    @property
    def n_rows(self) -> int:
        return prod(self.shape[:-1])


class GgufFile:
    """An open file, or pieces of one; a context manager. `metadata` and `tensors` are read at once,
    data when asked.
    """

    def __init__(self, pieces: Sequence[Path]) -> None:
        """Raises GgufError, and OSError for what cannot be read."""
        self.name = pieces[0].name
        self._source = _Source(pieces)
        try:
            head = _Header(self._source, self.name)
            self.metadata, self.tensors = head.metadata, head.tensors
            self._data = head.data_start
            for info in self.tensors.values():
                self._check(info)
        except BaseException:
            self._source.close()
            raise

    def __enter__(self) -> "GgufFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._source.close()

    @cached_property
    def architecture(self) -> str:
        return str(self.metadata["general.architecture"])

    def field(self, name: str, default: Any = None) -> Any:
        """Metadata of the architecture: `field("block_count")`. GgufError when it is absent and has
        no default.
        """
        found = self.metadata.get(f"{self.architecture}.{name}", default)
        if found is None:
            raise GgufError(f"{self.name} does not state {self.architecture}.{name}.")
        return found

    def rows(self, info: TensorInfo, start: int, stop: int) -> NDArray[np.float32]:
        """Rows [start, stop) of the tensor, dequantised: float32 [rows, columns]. A vector is one
        row.
        """
        kind = self._type(info)
        width = info.shape[-1] // kind.elements * kind.size
        raw = self._source.read(self._data + info.offset + start * width, (stop - start) * width)
        values = kind.dequantise(np.frombuffer(raw, dtype=np.uint8).reshape(-1, kind.size))
        return values.reshape(stop - start, info.shape[-1])

    def _type(self, info: TensorInfo) -> BlockType:
        if info.type_id not in BLOCKS:
            known = ", ".join(kind.name for kind in BLOCKS.values())
            raise GgufError(
                f"{self.name}: {info.name} is stored as ggml type {info.type_id}; read are {known}."
            )
        return BLOCKS[info.type_id]

    def _check(self, info: TensorInfo) -> None:
        kind = self._type(info)
        if info.shape[-1] % kind.elements:
            raise GgufError(
                f"{self.name}: a row of {info.name} has {info.shape[-1]} entries, no whole "
                f"{kind.name} blocks."
            )
        end = self._data + info.offset + prod(info.shape) // kind.elements * kind.size
        if end > self._source.size:
            raise GgufError(
                f"{self.name} ends within {info.name}: {self._source.size} bytes, needed {end}."
            )


class _Source:
    """Files read as one. `size` in bytes."""

    def __init__(self, pieces: Sequence[Path]) -> None:
        self._files: list[tuple[int, int, BinaryIO]] = []  # first byte, byte after the last, file
        self.size = 0
        for path in pieces:
            length = path.stat().st_size
            self._files.append((self.size, self.size + length, path.open("rb")))
            self.size += length

    def read(self, start: int, n: int) -> bytes:
        """`n` bytes from `start`, fewer at the end."""
        parts = []
        for first, after, file in self._files:
            if n > 0 and first <= start < after:
                file.seek(start - first)
                parts.append(file.read(min(n, after - start)))
                start, n = start + len(parts[-1]), n - len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        for *_, file in self._files:
            file.close()


class _Header:
    """Reads from the start of the file to the end of the table of tensors."""

    def __init__(self, source: _Source, name: str) -> None:
        self._source, self._name, self._held, self._at = source, name, bytearray(), 0
        if self._take(4) != MAGIC:
            raise GgufError(f"{name} is no GGUF file: it does not begin with {MAGIC.decode()}.")
        (version,) = self._unpack("I")
        if version not in VERSIONS:
            raise GgufError(
                f"{name} is of GGUF version {version}; read are versions {VERSIONS[0]} and "
                f"{VERSIONS[1]}."
            )
        n_tensors, n_fields = self._unpack("QQ")
        self.metadata: dict[str, Any] = {}
        for _ in range(n_fields):
            key = self._string()
            self.metadata[key] = self._value(*self._unpack("I"))
        if not isinstance(self.metadata.get("general.architecture"), str):
            raise GgufError(f"{name} does not state general.architecture.")
        self.tensors: dict[str, TensorInfo] = {}
        for _ in range(n_tensors):
            info = self._tensor()
            self.tensors[info.name] = info
        alignment = self.metadata.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise GgufError(f"{name} is damaged: its alignment is {alignment!r}.")
        self.data_start = -(-self._at // alignment) * alignment

    def _tensor(self) -> TensorInfo:
        tensor = self._string()
        (n_dimensions,) = self._unpack("I")
        if not 1 <= n_dimensions <= MAX_DIMENSIONS:
            raise GgufError(
                f"{self._name}: {tensor} has {n_dimensions} dimensions; allowed: 1 to "
                f"{MAX_DIMENSIONS}."
            )
        dimensions = self._unpack(f"{n_dimensions}Q")
        type_id, offset = self._unpack("IQ")
        return TensorInfo(tensor, tuple(reversed(dimensions)), type_id, offset)

    def _value(self, kind: int) -> Any:
        if kind in _NUMBERS:
            return self._unpack(_NUMBERS[kind])[0]
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            raise GgufError(
                f"{self._name} is damaged: a metadata value is of the unknown type {kind}."
            )
        element, n = self._unpack("IQ")
        if element in _NUMBERS:
            form = _NUMBERS[element]
            return list(struct.unpack(f"<{n}{form}", self._take(n * struct.calcsize(form))))
        return [self._value(element) for _ in range(n)]

    def _string(self) -> str:
        raw = self._take(*self._unpack("Q"))
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise GgufError(
                f"{self._name} is damaged: a text before byte {self._at} is not UTF-8 ({error})."
            ) from None

    def _unpack(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{form}", self._take(struct.calcsize(f"<{form}")))

    def _take(self, n: int) -> bytes:
        """The next `n` bytes; GgufError where the file has fewer, whatever a length says."""
        end = self._at + n
        if end > self._source.size:
            raise GgufError(
                f"{self._name} is damaged or not complete: {end} bytes needed, "
                f"{self._source.size} there."
            )
        while len(self._held) < end:
            self._held += self._source.read(len(self._held), max(_READ, end - len(self._held)))
        taken = bytes(memoryview(self._held)[self._at : end])
        self._at = end
        return taken
