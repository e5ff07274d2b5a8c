"""The claims: what is stated, how it is measured, and the verdict that a rule gives."""

from backend.core.claims.judge import MEASURES, Judged, judge_all

__all__ = ["Judged", "MEASURES", "judge_all"]
