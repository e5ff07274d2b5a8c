"""Room on a disk, asked for before it is filled."""

import shutil
from pathlib import Path

from backend.core.hub import ModelUnavailable
from backend.core.memory import in_words


def require_disk(path: Path, needed: int, what: str) -> None:
    """ModelUnavailable when the disk that will hold `path` has not `needed` bytes left."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ModelUnavailable(
            f"{what} needs {in_words(needed)} on the disk of {there}, where {in_words(free)} are "
            "free: make room, or point HF_HOME and the home folder to a larger disk."
        )
