"""Recorded runs, kept under an id, and labels of features, kept by SAE."""

from backend.core.runs.labels import LabelRow
from backend.core.runs.owners import WrongDeleteToken
from backend.core.runs.store import (
    LabelConflict,
    RunStore,
    RunsUnavailable,
    check_url,
    run_id_of,
)

__all__ = [
    "LabelConflict",
    "LabelRow",
    "RunStore",
    "RunsUnavailable",
    "WrongDeleteToken",
    "check_url",
    "run_id_of",
]
