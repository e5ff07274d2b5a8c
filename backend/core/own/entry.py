"""An entry of a presets file of one's own, filled up to what a preset of the package states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.core.own.sources import (
    USES,
    mark,
    model_path,
    n_parameters,
    packaged_preset,
    sae_source,
    slug,
)
from backend.core.presets import Preset, SaeSource, read_entry

PROMPT = "What is the capital of Russia?\n"
PAIR = [[PROMPT, "What is the capital of the UK?\n"]]
NEEDED = ("model", "saes")
ALLOWED = (
    *NEEDED,
    "title",
    "revision",
    "dtype",
    "build",
    "default_prompt",
    "prompts",
    "prompts_file",
    "prompt_format",
    "opening",
    "demonstrations",
    "checkpoints",
    "n_parameters",
    "d_model",
    "corpus",
    "corpus_source",
    "licence",
    "origin",
)
_SAE_KEYS = ("sae", "use")


def own_preset(name: str | None, raw: Mapping[str, Any], root: Path, home: Path) -> Preset:
    """`raw`: model and saes, and what else of `ALLOWED` differs from what is read from their files.

    Without a name it is made of the model's and a mark of what it consists of. Relative paths start
    from `root`; `home` holds what is fetched and built. ValueError says what is wrong.
    """
    _refuse(raw)
    given = str(raw["model"])
    named = packaged_preset(given, root)  # with its weights and what else is stated of its model
    model = named.model if named else given
    revision = raw.get("revision", named.revision if named else None)
    path = model_path(model, root)
    saes = _sources(raw["saes"], root, home)
    called = path.stem if path is not None and path.is_file() else Path(path or model).name
    stated = _stated(named) if named else {"n_parameters": n_parameters(model, path, revision)}
    prompts = raw.get("prompt_format", stated.get("prompt_format", "plain"))
    stamp = mark(given if named and named.weights else model, path, revision, prompts, saes)
    name = name or f"{slug((named.name if named else called).lower())}-{stamp}"
    folder = home.expanduser() / name
    filled: dict[str, Any] = {
        "title": called,
        "dtype": "float32",
        "build": str(folder / "build.duckdb"),
        "default_prompt": PROMPT,
        "prompts": PAIR,
        "prompt_format": "plain",
        "d_model": 0,
        "corpus": "your own: see the build's provenance",
        **stated,
        **raw,
        "model": str(path) if path else model,
    }
    # a preset states its SAEs by layer and width, which those that are not fetched do not have yet
    filled["saes"] = [
        {"sae_id": sae.sae_id, "layer": sae.layer, "d_sae": sae.d_sae} for sae in saes
    ]
    weights = named.weights if named else None
    return replace(read_entry(name, filled, root), saes=saes, weights=weights)


def _stated(preset: Preset) -> dict[str, Any]:
    """What a preset states of its model: what is made with it alone says it too."""
    kept = ("title", "dtype", "default_prompt", "prompt_format", "n_parameters", "d_model")
    found = {field: getattr(preset, field) for field in (*kept, "licence", "origin")}
    return found | {"revision": preset.revision, "prompts": [list(one) for one in preset.prompts]}


def _refuse(raw: Mapping[str, Any]) -> None:
    missing = [name for name in NEEDED if name not in raw]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be given.")
    unknown = sorted(set(raw) - set(ALLOWED))
    if unknown:
        raise ValueError(f"there is no entry {unknown[0]!r}; allowed: {', '.join(ALLOWED)}.")
    if not isinstance(raw["saes"], list | tuple) or not raw["saes"]:
        raise ValueError(f"saes is {raw['saes']!r}; needed: a list of one or more.")


def _sources(given: Sequence[object], root: Path, home: Path) -> tuple[SaeSource, ...]:
    saes = tuple(_source(one, root, home) for one in given)
    ids = [sae.sae_id for sae in saes]
    for sae_id in sorted({one for one in ids if ids.count(one) > 1}):
        raise ValueError(
            f"two SAEs are called {sae_id}, and their id is their folder's name: rename one."
        )
    return saes


def _source(given: object, root: Path, home: Path) -> SaeSource:
    if isinstance(given, str):
        return sae_source(given, root, home)
    if not isinstance(given, dict) or "sae" not in given or set(given) - set(_SAE_KEYS):
        raise ValueError(
            f"an SAE is given as {given!r}; allowed: a folder, RELEASE:ID, or a table of sae (one "
            "of the two) and use."
        )
    use = given.get("use", "both")
    if use not in USES:
        raise ValueError(f"use is {use!r}; allowed: {', '.join(USES)}.")
    return sae_source(str(given["sae"]), root, home, use=use)
