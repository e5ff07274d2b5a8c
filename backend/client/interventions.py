"""Interventions in a word each."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from backend.schemas import Mode, PositionRule

Positions = PositionRule | list[int]


class Intervention(TypedDict):
    """As POST /api/steer takes it: an edit of the residual stream after the SAE's layer."""

    sae_id: str
    feature_index: int
    mode: Mode
    value: NotRequired[float]
    positions: Positions


def add(
    sae_id: str, feature_index: int, value: float, positions: Positions = "last_function"
) -> Intervention:
    """Add value·W_dec[f]."""
    return _valued("add", sae_id, feature_index, value, positions)


def clamp(
    sae_id: str, feature_index: int, value: float, positions: Positions = "last_function"
) -> Intervention:
    """Set the feature's activation to `value`, keeping the SAE's error term."""
    return _valued("clamp", sae_id, feature_index, value, positions)


def scale(
    sae_id: str, feature_index: int, value: float, positions: Positions = "last_function"
) -> Intervention:
    """Multiply the feature's activation by `value`, keeping the SAE's error term."""
    return _valued("scale", sae_id, feature_index, value, positions)


def ablate(sae_id: str, feature_index: int, positions: Positions = "last_function") -> Intervention:
    """Set the feature's activation to 0, keeping the SAE's error term."""
    return {
        "sae_id": sae_id,
        "feature_index": feature_index,
        "mode": "ablate",
        "positions": positions,
    }


def _valued(
    mode: Mode, sae_id: str, feature_index: int, value: float, positions: Positions
) -> Intervention:
    return {
        "sae_id": sae_id,
        "feature_index": feature_index,
        "mode": mode,
        "value": value,
        "positions": positions,
    }
