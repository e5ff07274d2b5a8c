"""What the consolidation page is asked to show: its settings, read from an address and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.figures.consolidation import TRANSITIONS
from app.parts.address.kinds import Several, choice, declare
from app.parts.address.settings import Settings, anything

MEASURES = {"mean": "mean loss", "share": "share of total loss", "excess": "minus bigram baseline"}
AXES = {"log": "log steps", "linear": "steps", "share": "share of the run, with the paper"}
SPLITS = {
    "none": "not split",
    "word": "word start or continuation",
    "decile": "frequency decile of the target",
    "position": "position in the row",
}
CUTS = (
    "0.20",
    "0.25",
    "0.30",
    "0.35",
    "0.40",
    "0.45",
    "0.50",
    "0.55",
    "0.60",
    "top10",
    "top50",
    "top122",
    "punctuation",
    "closed",
)
CUT_WORDS = {
    "punctuation": "punctuation alone",
    "closed": "punctuation and closed-class words",
}


def cut_words(cut: str) -> str:
    """A cut as the control names it."""
    if cut in CUT_WORDS:
        return CUT_WORDS[cut]
    if cut.startswith("top"):
        return f"the {cut.removeprefix('top')} most frequent tokens"
    return f"most frequent tokens up to {float(cut):.0%} of text"


@dataclass(frozen=True)
class ConsolidationState(Settings):
    """One setting of the controls; `lines` are transitions with commas between them."""

    path: ClassVar = "/consolidation"
    # the cursors: `complaints_of` says what the training runs do not have
    beside: ClassVar = dict.fromkeys(
        ("step", "compare", "group", "from", "to", "run", "sentence"), anything
    )

    measure: str = choice("Show", MEASURES, "mean")
    axis: str = choice("Along", AXES, "log")
    cut: str = choice(
        "Function tokens are", {cut: cut_words(cut) for cut in CUTS}, "0.40", width="17rem"
    )
    by: str = choice("Targets", SPLITS, "none", width="14rem")
    lines: str = declare(Several("Transitions", options=TRANSITIONS), ",".join(TRANSITIONS))
