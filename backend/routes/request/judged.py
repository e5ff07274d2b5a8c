"""The claims on every build that is ready on this machine, each build read once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from backend.core.claims import Judged, judge_all
from backend.core.claims.measures import Sources
from backend.core.companions.file import companion_path
from backend.core.companions.served import KINDS, Build
from backend.core.own import find_preset, known_names
from backend.core.presets import Preset
from backend.core.store import StoreError

Stamp = tuple[tuple[str, int, int], ...]  # file, its size, when it was written


class JudgedBuilds:
    """What the rules say of builds; threads may share it."""

    def __init__(self, preset: Preset, presets_file: Path | None) -> None:
        """`presets_file`: one's own presets, whose builds count too."""
        self._served = preset
        self._file = presets_file
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Stamp, str, Sequence[Judged]]] = {}

    def all(self, build: Build) -> list[tuple[Preset, Path, str, Sequence[Judged]]]:
        """(preset, file, identity, judged claims) of the build being served, then of the presets
        whose builds lie here; a file that cannot be read is not ready. A preset that shares the
        served one's file is not told apart from it.
        """
        here = build.get()
        with self._lock:
            found = [] if here is None else [self._judged(self._served, build, here.path)]
            paths = {path.resolve() for _, path, *_ in found}
            for preset in self._presets():
                if not preset.build.is_file() or preset.build.resolve() in paths:
                    continue
                paths.add(preset.build.resolve())
                try:
                    other = Build(None, preset.build, preset.training)
                    found.append(self._judged(preset, other, preset.build))
                except StoreError:
                    continue
            return found

    def _presets(self) -> list[Preset]:
        """Those that can be read; one whose folder is gone is no reason to show none."""
        presets = []
        for name in known_names(self._file):
            try:
                presets.append(find_preset(name, self._file))
            except ValueError:
                continue
        return presets

    def _judged(
        self, preset: Preset, build: Build, path: Path
    ) -> tuple[Preset, Path, str, Sequence[Judged]]:
        stamp = _stamp(path)
        held = self._kept.get(str(path))
        if held is None or held[0] != stamp:
            build.require()
            sources = Sources(build.require, build.companions())
            held = self._kept[str(path)] = (stamp, build.identity() or "", judge_all(sources))
        return preset, path, held[1], held[2]


def _stamp(path: Path) -> Stamp:
    files = (path, *(companion_path(path, kind) for kind in KINDS))
    return tuple(
        (one.name, (told := one.stat()).st_size, told.st_mtime_ns) for one in files if one.is_file()
    )
