"""What the consolidation page is asked to show: the controls, read from an address and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.figures.consolidation import TRANSITIONS
from app.parts.controls import labelled, one_of, segments, select

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
PAGE = "consolidation"  # prefix of the ids
CONTROLS = ("measure", "axis", "cut", "by", "lines")
CURSORS = ("step", "compare", "sentence", "run", "from", "to", "group")


@dataclass(frozen=True)
class ConsolidationState:
    """One setting of the controls; `lines` are transitions with commas between them."""

    measure: str = "mean"
    axis: str = "log"
    cut: str = "0.40"
    by: str = "none"
    lines: str = ",".join(TRANSITIONS)

    def as_query(self) -> dict[str, str]:
        """Every control as its value in the address."""
        return {name: getattr(self, name) for name in CONTROLS}


def read_state(asked: Mapping[str, str]) -> tuple[ConsolidationState, list[str]]:
    """The state that an address asks for, and a complaint for each value that is not allowed."""
    default = ConsolidationState()
    complaints: list[str] = []
    allowed = {"measure": list(MEASURES), "axis": list(AXES), "cut": list(CUTS), "by": list(SPLITS)}
    chosen = {
        name: one_of(asked, name, values, getattr(default, name), complaints)
        for name, values in allowed.items()
    }
    lines = [line for line in asked.get("lines", default.lines).split(",") if line]
    if wrong := [line for line in lines if line not in TRANSITIONS]:
        complaints.append(
            f"lines: got {', '.join(wrong)}, allowed are {', '.join(TRANSITIONS)}; showing all"
        )
        lines = list(TRANSITIONS)
    known = {*CONTROLS, *CURSORS}
    complaints += [f"{name}: this page has no such setting" for name in asked if name not in known]
    return ConsolidationState(**chosen, lines=",".join(lines or TRANSITIONS)), complaints


def cut_words(cut: str) -> str:
    """A cut as the control names it."""
    if cut in CUT_WORDS:
        return CUT_WORDS[cut]
    if cut.startswith("top"):
        return f"the {cut.removeprefix('top')} most frequent tokens"
    return f"most frequent tokens up to {float(cut):.0%} of text"


def control_bar(state: ConsolidationState) -> list[Component]:
    """The controls that change the claim, each under its name."""
    lines = [
        dmc.Chip(words, value=name, size="xs", radius=6) for name, words in TRANSITIONS.items()
    ]
    chips = dmc.ChipGroup(
        lines, id="consolidation-lines", multiple=True, value=state.lines.split(",")
    )
    cuts = [(cut, cut_words(cut)) for cut in CUTS]
    return [
        segments(PAGE, "measure", "Show", list(MEASURES.items()), state.measure),
        segments(PAGE, "axis", "Along", list(AXES.items()), state.axis),
        select(PAGE, "cut", "Function tokens are", cuts, state.cut, "17rem"),
        select(PAGE, "by", "Targets", list(SPLITS.items()), state.by, "14rem"),
        labelled(
            PAGE, "lines", "Transitions", html.Div(chips, className="fs-consolidation__chips")
        ),
    ]
