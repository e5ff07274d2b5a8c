"""Recorded runs: kept under an id, and given out as files."""

from backend.core.runs.store import (
    LabelConflict,
    RunStore,
    RunsUnavailable,
    WrongDeleteToken,
    check_url,
    run_id_of,
)

__all__ = [
    "LabelConflict",
    "RunStore",
    "RunsUnavailable",
    "WrongDeleteToken",
    "check_url",
    "run_id_of",
]
