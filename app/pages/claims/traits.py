"""Traits, alone and together: the paper's Figure 7 on this model's own questions. How often each
edit gives an answer the trait, beside its controls; and every answer, to be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from app.parts.estimates import estimate_cell, numbers
from app.parts.panel import panel
from app.parts.shared_rows import table
from backend.schemas import Experiment, ExperimentAnswer, ExperimentEstimate

NAME = "demonstrations"
UNEDITED, FEATURE, DIRECTION = "unedited", "feature", "direction"
TABLES = f"claims-{NAME}-tables"
FIRST = 6  # questions that are shown before one asks for the rest
# of the experiment -> what a column is called
COLUMNS = {
    UNEDITED: "asked plainly",
    FEATURE: "one feature, at the last token",
    "random features": "random features there",
    "feature, at a content word": "the feature at a content word",
    DIRECTION: "difference of means",
    "asked in words": "asked in words",
}
Rows = Mapping[tuple[str, str], ExperimentEstimate]  # (arm, outcome)


@dataclass(frozen=True)
class Goal:
    """A trait, or two at once: in the SAE whose edit did best on the questions to choose on."""

    name: str
    sae_id: str | None
    rows: Rows

    @property
    def answered(self) -> str:
        """What its answers under an edit go by."""
        return self.name if self.sae_id is None else f"{self.name}, {self.sae_id}"

    @property
    def edit(self) -> str:
        """The arm whose answers are shown: the feature's, or where none worked the direction's."""
        return FEATURE if (FEATURE, "shown") in self.rows else self._direction

    @property
    def title(self) -> str:
        return self.name if self.edit == FEATURE else f"{self.name} (difference of means)"

    @property
    def _direction(self) -> str:
        """It is judged at several multiples; meant is the one that was chosen."""
        chosen = self.rows.get((DIRECTION, "value"))
        return DIRECTION if chosen is None else f"{DIRECTION} × {chosen.value:g}"

    def cell(self, arm: str, outcome: str) -> ExperimentEstimate | None:
        return self.rows.get((self._direction if arm == DIRECTION else arm, outcome))


def goals_of(one: Experiment) -> list[Goal]:
    """In the order of the job, those too for which no feature worked."""
    made = []
    for name in dict.fromkeys(row.subject for row in one.estimates):
        mine = [row for row in one.estimates if row.subject == name]
        fits = [row for row in mine if row.outcome == "fit" and row.arm in (FEATURE, DIRECTION)]
        best = max(fits, key=lambda row: (row.arm == FEATURE, row.value)).sae_id if fits else None
        told = {(row.arm, row.outcome): row for row in mine if row.sae_id in (best, None)}
        goal = Goal(name, best, told)
        if (goal.edit, "shown") in told:
            made.append(goal)
    return made


def traits_panel(
    one: Experiment, answers: Sequence[ExperimentAnswer], code: dict[str, str]
) -> Component | None:
    """None where nothing was judged."""
    goals = goals_of(one)
    if not goals:
        return None
    rest = html.Details([html.Summary("in sentences"), html.Ul([html.Li(s) for s in one.findings])])
    rest.className = "fs-small"
    return panel(
        "Traits, alone and together: the paper's Figure 7",
        [
            html.Div([rates_table(goals), *answer_tables(goals, answers)], id=TABLES),
            rest,
        ],
        badge="precomputed",
        id=f"claims-{NAME}-panel",
        note="Share of the answers that show the trait (of a pair, both), with a 95 % interval. "
        "The feature and its strength were chosen on other questions than these. "
        f"{one.prompts[:1].upper()}{one.prompts[1:]}.".replace("..", "."),
        reproduce=code,
        exports={"table": TABLES},
        class_name="fs-claims__experiment",
    )


def rates_table(goals: Sequence[Goal]) -> Component:
    """A row a goal; the last column is what the edit costs."""
    names = [*COLUMNS.values(), "right answers, with the feature"]
    heads = [html.Th(name, scope="col", **numbers([name, "low", "high", "n"])) for name in names]
    body = []
    for goal in goals:
        cells = [goal.cell(arm, "shown") for arm in COLUMNS]
        cells.append(goal.cell(FEATURE, "right"))
        body.append(
            html.Tr(
                [
                    html.Th(goal.name, scope="row", title=goal.sae_id or "each in its own SAE"),
                    *(estimate_cell(cell, "share", 1.0) for cell in cells),
                ]
            )
        )
    head = html.Thead(html.Tr([html.Th("", scope="col"), *heads]))
    return table("how often each edit gives the trait", head, body, "fs-rows--arms")


def answer_tables(goals: Sequence[Goal], answers: Sequence[ExperimentAnswer]) -> list[Component]:
    """What was answered to each question: plainly, and under each goal's edit. The first few, and
    the rest behind a summary.
    """
    told = {(one.arm, one.subject, one.prompt): one for one in answers}
    shown = {(goal.edit, goal.answered) for goal in goals}
    questions = dict.fromkeys(one.prompt for one in answers if (one.arm, one.subject) in shown)
    rows = [_answer_row(goals, told, question) for question in questions]
    if not rows:
        return []
    first = _answers("answers, word for word", goals, rows[:FIRST])
    if len(rows) <= FIRST:
        return [first]
    rest = _answers("the other answers", goals, rows[FIRST:])
    summary = html.Summary(f"the other {len(rows) - FIRST} questions", className="fs-tool")
    return [first, html.Details([summary, rest])]


def _answers(label: str, goals: Sequence[Goal], rows: Sequence[Component]) -> Component:
    heads = ["question", COLUMNS[UNEDITED], *(goal.title for goal in goals)]
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in heads]))
    return table(label, head, rows, "fs-rows--answers")


def _answer_row(
    goals: Sequence[Goal],
    told: Mapping[tuple[str, str, str], ExperimentAnswer],
    question: str,
) -> Component:
    plain = next(
        (told[key] for goal in goals if (key := (UNEDITED, goal.name, question)) in told), None
    )
    edited = [told.get((goal.edit, goal.answered, question)) for goal in goals]
    return html.Tr(
        [
            html.Th(question, scope="row"),
            html.Td(plain.text if plain else "–"),
            *(_answer_cell(one, goal) for one, goal in zip(edited, goals, strict=True)),
        ]
    )


def _answer_cell(one: ExperimentAnswer | None, goal: Goal) -> Component:
    if one is None:
        return html.Td("–", className="fs-muted", title="not asked")
    shows = "shows" if one.success else "does not show"
    return html.Td(
        one.text or html.Span("nothing", className="fs-muted"),
        className="fs-answer--shown" if one.success else "fs-muted",
        title=f"{shows} {goal.name}",
    )
