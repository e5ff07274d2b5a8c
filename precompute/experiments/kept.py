"""Parts of an experiment that are done, so that a stopped job goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from precompute.job import write_whole

T = TypeVar("T")


class Kept:
    """A folder for one job with one set of settings: others have folders of their own."""

    def __init__(self, root: Path | None, settings: dict[str, Any]) -> None:
        """`root`: default, a folder in the user's cache. `settings`: whatever determines the
        results.
        """
        text = json.dumps(settings, sort_keys=True)
        self.folder = (root or cache_folder()) / hashlib.sha256(text.encode()).hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)

    def beside(self, settings: dict[str, Any]) -> Kept:
        """Parts that other jobs share, those with these settings."""
        return Kept(self.folder.parent, settings)

    def part(self, name: str, make: Callable[[], T]) -> T:
        """What was kept under that name, or what `make` gives (JSON), which is kept then."""
        path = self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.json"
        if path.exists():
            found: T = json.loads(path.read_text("utf-8"))
            return found
        made = make()
        text = json.dumps(made, ensure_ascii=False)
        write_whole(path, lambda temporary: temporary.write_text(text, "utf-8"))
        again: T = json.loads(text)  # what a second start would find: tuples are lists in both
        return again


def cache_folder() -> Path:
    """Where unfinished experiments lie when nothing else is said."""
    return (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        / "functionscope"
        / "experiments"
    )
