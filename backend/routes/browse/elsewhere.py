"""What is said of a feature elsewhere: its page there, and explanations that were fetched."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request

from backend.core.presets import Preset
from backend.core.sae.config import read_config
from backend.core.sae.explained import FILE, explained_as, explanations_of
from backend.core.sae.file import CONFIG_FILE
from backend.routes.request.served import Backend

NEURONPEDIA = "https://www.neuronpedia.org"


def neuronpedia_url(preset: Preset, sae_id: str, feature_index: int) -> str | None:
    """The feature's page there, where the SAE's own metadata names one."""
    folder = _folder(preset, sae_id)
    neuronpedia_id = None if folder is None else _neuronpedia_id(folder)
    return None if neuronpedia_id is None else f"{NEURONPEDIA}/{neuronpedia_id}/{feature_index}"


def said_elsewhere(preset: Preset, sae_id: str, feature_index: int) -> dict[str, Any]:
    """Fields of FeatureDetail."""
    folder = _folder(preset, sae_id)
    try:
        found = [] if folder is None else explanations_of(folder, feature_index)
    except ValueError as error:
        return {"explanations_missing": str(error)}
    return {"explanations": [asdict(one) for one in found]}


def explained(preset: Preset, sae_id: str, q: str | None) -> tuple[list[int], str | None]:
    """Features of which an explanation holds `q`; and why explanations were not looked at, where
    they could not be.
    """
    folder = _folder(preset, sae_id)
    try:
        return ([] if folder is None or not q else explained_as(folder, q)), None
    except ValueError as error:
        return [], str(error)


def said_of_explanations(request: Request, served: Backend) -> str:
    """Which files there are, as a part of what a kept answer is found by."""
    asked = request.path_params.get("sae_id") or request.query_params.get("sae_id", "")
    folder = _folder(served.preset, asked)
    try:
        return "" if folder is None else f"#{(folder / FILE).stat().st_mtime_ns}"
    except OSError:
        return ""


def _folder(preset: Preset, sae_id: str) -> Path | None:
    return next((one.path for one in preset.saes if one.sae_id == sae_id), None)


@lru_cache(maxsize=256)
def _neuronpedia_id(folder: Path) -> str | None:
    """metadata.neuronpedia_id of an SAE folder;
    None where there is no folder, or none that can be read.
    """
    try:
        stated = read_config(folder / CONFIG_FILE).metadata.get("neuronpedia_id")
    except ValueError:
        return None
    return stated if isinstance(stated, str) and stated else None
