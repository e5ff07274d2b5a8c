"""How many bytes weights need and whether they fit:
refused with both numbers before anything is read.
"""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

ITEMSIZE = {"float32": 4, "bfloat16": 2}  # bytes of one weight
# elements up to which W_dec is loaded whole; above, the rows that are asked for
EAGER_DECODER = 1 << 26
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


class DoesNotFit(ValueError):
    """Weights are larger than what is free; the message holds both numbers and the remedy."""


def sae_bytes(d_model: int, d_sae: int, itemsize: int) -> int:
    """What an SAE keeps in memory: encoder and biases, thresholds in float32,
    and W_dec when it is small.
    """
    encoder = (d_model * d_sae + d_sae + d_model) * itemsize + d_sae * 4
    return encoder + (d_model * d_sae * itemsize if d_model * d_sae <= EAGER_DECODER else 0)


def available_bytes(device: str) -> int | None:
    """Free memory of the device ("cpu", "cuda", "cuda:1"); None where it cannot be told.

    On a GPU with what torch holds and does not use. On a CPU: what Linux counts as available, and
    no more than the control group's limit leaves.
    """
    if device.startswith("cuda"):
        import torch

        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    if device != "cpu" or not _MEMINFO.exists():
        return None
    fields = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024
    left = _cgroup_bytes()
    return free if left is None else min(free, left)


def require_memory(what: str, needed: int, device: str) -> None:
    """DoesNotFit when `needed` bytes are more than the device has free."""
    free = available_bytes(device)
    if free is not None and needed > free:
        raise DoesNotFit(
            f"{what} needs {in_words(needed)} on {device}, where {in_words(free)} are free: "
            "use a narrower SAE, fewer SAEs, bfloat16, or a larger device."
        )


def require_within(bound: int | None, what: str, needed: int | None) -> None:
    """DoesNotFit when `needed` bytes are more than a person allowed; None: not bounded, not
    known.
    """
    if bound is not None and needed is not None and needed > bound:
        raise DoesNotFit(
            f"{what} needs {in_words(needed)} with its SAEs, and --memory allows "
            f"{in_words(bound)}: allow more, or serve fewer SAEs."
        )


def give_back() -> None:
    """What was freed goes back to the machine: glibc keeps it for the process otherwise, and torch
    what was on a GPU.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def in_words(n_bytes: int) -> str:
    """Decimal units, as files and memory are sold: 7.5 GB."""
    size, unit = next(
        (s, u) for s, u in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if n_bytes >= s or u == "kB"
    )
    return f"{n_bytes / size:.1f} {unit}"


def _cgroup_bytes() -> int | None:
    """Limit less use, file pages (which can be given up) not counted as use;
    None without a limit.
    """
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used + int(stat.get("file", 0)))
