"""Any preset by its name: of the package, of the user's folder of settings, of a file that was
named.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.core import presets
from backend.core.own.entry import own_preset
from backend.core.presets import Preset

FILES_VARIABLE = "FUNCTIONSCOPE_PRESETS"  # a presets file, for commands without the option


def find_preset(name: str | None, file: Path | None = None) -> Preset:
    """`file`: a presets file, beside the user's own. ValueError for an unknown name or a bad entry.

    A name that the package has is the package's: the same link must not mean two things.
    """
    own = _entries(file)
    if name is None or name not in own:
        if name is not None and own and name not in presets.preset_names():
            known = ", ".join(known_names(file))
            raise ValueError(f"There is no preset {name!r}; known: {known}.")
        return presets.load_preset(name)
    path, raw = own[name]
    try:
        return own_preset(name, raw, path.parent, presets.DEFAULT_HOME)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}, [{name}]: {type(error).__name__} {error}.") from error
    except ValueError as error:
        raise ValueError(f"{path}, [{name}]: {error}") from error


def known_names(file: Path | None = None) -> list[str]:
    """The package's, then one's own."""
    return [*presets.preset_names(), *_entries(file)]


def preset_of_options(
    model: str, saes: Sequence[str], *, revision: str | None = None, build: Path | None = None
) -> Preset:
    """`model`: hub id, folder, .gguf or a preset's name; `saes`: folders or RELEASE:ID of sae-lens.

    ValueError in one sentence.
    """
    raw: dict[str, Any] = {"model": model, "saes": list(saes)}
    raw |= {} if revision is None else {"revision": revision}
    raw |= {} if build is None else {"build": str(build.resolve())}
    return own_preset(None, raw, Path.cwd(), presets.DEFAULT_HOME)


def _entries(file: Path | None) -> dict[str, tuple[Path, dict[str, Any]]]:
    """name -> its file and what that says, of every file of one's own."""
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for path in _files(file):
        for name, raw in _read(path).items():
            other = presets.PRESETS_FILE if name in presets.preset_names() else None
            other = found[name][0] if name in found else other
            if other is not None:
                raise ValueError(f"{path}: the preset {name!r} is in {other} too: rename it.")
            if not presets.SAE_ID.fullmatch(name) or not isinstance(raw, dict):
                raise ValueError(
                    f"{path}: {name!r} is no preset; needed: a table with a name of letters, "
                    "digits, '.', '_' and '-'."
                )
            found[name] = (path, raw)
    return found


def _files(given: Path | None) -> list[Path]:
    """The user's own where there is one, and the one that was named; each once."""
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    own = Path(config) / "functionscope" / "presets.toml"
    named = given or (Path(text) if (text := os.environ.get(FILES_VARIABLE)) else None)
    named = named.expanduser() if named else None
    if named is not None and not named.is_file():
        raise ValueError(f"there is no presets file at {named}: give a .toml file.")
    paths = [one.resolve() for one in (own, named) if one is not None and one.is_file()]
    return list(dict.fromkeys(paths))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}.") from None
