"""Judged claims as files to take along: CSV for a table, BibTeX to cite one."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backend.schemas import Claim

COLUMNS = (
    "id",
    "group",
    "statement",
    "made_by",
    "definition",
    "verdict",
    "value",
    "low",
    "high",
    "unit",
    "noun",
    "n",
    "n_unit",
    "source",
    "control",
    "control_value",
    "control_low",
    "control_high",
    "control_unit",
    "rule",
    "reason",
    "model",
    "build",
)
PAPER = """@misc{functiontokens2025,
  title = {Memory Retrieval and Consolidation in Large Language Models through Function Tokens},
  eprint = {2510.08203},
  archivePrefix = {arXiv},
  year = {2025}
}
"""
_ESCAPED = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    sign: f"\\{sign}" for sign in "&%$#_{}"
}


@dataclass(frozen=True)
class Stated:
    """What every entry says of its origin."""

    model: str
    identity: str  # of the build
    version: str  # of this program


@dataclass(frozen=True)
class Written:
    media_type: str
    write: Callable[[Sequence[Claim], Stated], str]


def as_csv(claims: Sequence[Claim], stated: Stated) -> str:
    """A row a claim; numbers in full."""
    held = io.StringIO()
    table = csv.DictWriter(held, COLUMNS, lineterminator="\n")
    table.writeheader()
    for claim in claims:
        fields = claim.model_dump(include=set(COLUMNS))
        low, high = claim.interval or (None, None)
        control_low, control_high = claim.control_interval or (None, None)
        table.writerow(
            fields
            | {"low": low, "high": high, "control_low": control_low, "control_high": control_high}
            | {"model": stated.model, "build": stated.identity}
        )
    return held.getvalue()


def as_bibtex(claims: Sequence[Claim], stated: Stated) -> str:
    """The paper, then an entry a tested claim: statement, verdict, number, build."""
    today = datetime.now(UTC).date()
    entries = [
        f"""@misc{{functionscope-{claim.id}-{stated.identity[:8]},
  title = {{{escaped(claim.statement)}}},
  author = {{{{The FunctionScope developers}}}},
  year = {{{today.year}}},
  note = {{{escaped(_note(claim, stated))}}}
}}
"""
        for claim in claims
        if claim.value is not None
    ]
    return "\n".join([PAPER, *entries])


def _note(claim: Claim, stated: Stated) -> str:
    low, high = claim.interval or (None, None)
    interval = "" if low is None else f", 95 % interval {low:.4g} to {high:.4g}"
    unit = f"{claim.unit} {claim.noun}".strip() if claim.unit == "share" else claim.unit
    return (
        f"{claim.verdict}: {claim.value:.4g} ({unit}{interval}; "
        f"n = {claim.n} {claim.n_unit}; {claim.source}); "
        f"{stated.model}, build {stated.identity}, FunctionScope {stated.version}"
    )


def escaped(text: str) -> str:
    """For a braced BibTeX field."""
    return "".join(_ESCAPED.get(sign, sign) for sign in text)


WRITTEN = {
    "csv": Written("text/csv; charset=utf-8", as_csv),
    "bib": Written("application/x-bibtex; charset=utf-8", as_bibtex),
}
