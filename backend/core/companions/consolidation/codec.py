"""Arrays packed into one column: deflated little-endian bytes, and means in steps of 2^-11 nat."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

STEPS_PER_NAT = 2048.0  # uint16 then reaches 32 nats; the rounding is far below any interval
LARGEST = 65_535


def pack(values: npt.NDArray[Any]) -> bytes:
    """Bytes of an array whose shape and type the schema states."""
    array = np.ascontiguousarray(values)
    return zlib.compress(array.astype(array.dtype.newbyteorder("<")).tobytes(), 9)


def unpack(packed: bytes, dtype: str, *shape: int) -> npt.NDArray[Any]:
    """The array again; ValueError where the bytes are not of that shape."""
    return np.frombuffer(zlib.decompress(packed), np.dtype(dtype).newbyteorder("<")).reshape(shape)


def quantised(nats: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    """Nats in steps of 2^-11; ValueError beyond 32 nats or below 0."""
    steps = np.rint(np.nan_to_num(nats) * STEPS_PER_NAT)
    if steps.size and not (steps.min() >= 0 and steps.max() <= LARGEST):
        raise ValueError(
            f"losses from {nats.min():.3f} to {nats.max():.3f} nats; 0 to 31.99 can be kept."
        )
    return steps.astype(np.uint16)


def nats(steps: npt.NDArray[np.uint16]) -> npt.NDArray[np.float64]:
    """What `quantised` made, in nats."""
    return steps.astype(np.float64) / STEPS_PER_NAT
