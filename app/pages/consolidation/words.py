"""Sentences of the consolidation page."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from app.figures.consolidation import TRANSITIONS, main_model
from app.parts.numbers import percent, percent_interval
from backend.schemas import CheckpointFeatures, LossResponse, LossRow, PaperCurve


def final_rows(answer: LossResponse, place: int = 0) -> dict[str, LossRow]:
    """transition -> the row of one run's last checkpoint, without a split."""
    run = answer.runs[place]
    rows = [
        row
        for row in answer.rows
        if (row.model, row.seed, row.group) == (run.model, run.seed, None)
    ]
    return {row.transition: row for row in rows if row.step == run.steps[-1]}


def headline(answer: LossResponse) -> list[Component | str]:
    """What the deepest run says of f→c: hardest per token, and its share of the whole loss."""
    if answer.effective.get("by", "none") != "none" or not answer.runs:
        return ["Loss along training, split further than by transition: choose a group below."]
    last = final_rows(answer)
    hardest = max((name for name in last if name != "all"), key=lambda name: last[name].loss)
    heaviest = max(
        (name for name in last if name != "all"), key=lambda name: last[name].share_of_loss
    )
    said: list[Component | str] = [
        "At the end of training ",
        html.Strong(TRANSITIONS[hardest]),
        f" is the hardest transition, {last[hardest].loss:.2f} nats per token; ",
        html.Strong(TRANSITIONS[heaviest]),
        " carries the largest part of the whole loss, ",
        _share(last[heaviest]),
    ]
    if heaviest != "fc":
        said += ["; f→c carries ", _share(last["fc"])]
    return [*said, "."]


def _share(row: LossRow) -> Component:
    bounds = percent_interval(row.share_interval)
    return html.Span(
        [html.Strong(percent(row.share_of_loss)), html.Small(f" {bounds}") if bounds else None],
        className="fs-number",
        title=f"95 % interval {bounds or 'not stored'}, bootstrap over document shards · n = "
        f"{row.n_tokens:,} targets",
    )


def paper_table(answer: LossResponse) -> Component:
    """The paper's printed final losses, and what they say about shares of the total."""
    models = list(dict.fromkeys(curve.model for curve in answer.paper))
    by_key: dict[tuple[str, str], PaperCurve] = {
        (curve.model, curve.transition): curve for curve in answer.paper
    }
    ours = (
        final_rows(answer) if answer.effective.get("by", "none") == "none" and answer.runs else {}
    )
    head = [html.Th("transition", scope="col")]
    for model in [*models, "ours"]:
        head += [
            html.Th(f"{model}, {what}", scope="col") for what in ("nats", "of tokens", "of loss")
        ]
    rows = []
    for name, words in TRANSITIONS.items():
        cells: list[Component] = [html.Th(words, scope="row")]
        for model in models:
            curve = by_key.get((model, name))
            cells += (
                _cells(curve.printed_final, curve.share_of_tokens, curve.share_of_loss)
                if curve
                else _cells()
            )
        mine = ours.get(name)
        cells += _cells(mine.loss, mine.share_of_tokens, mine.share_of_loss) if mine else _cells()
        rows.append(html.Tr(cells))
    return html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="fs-table")


def _cells(
    loss: float | None = None, tokens: float | None = None, share: float | None = None
) -> list[Component]:
    if loss is None or tokens is None or share is None:
        return [html.Td("–", **{"data-value": ""}) for _ in range(3)]
    shown = ((f"{loss:.2f}", loss), (percent(tokens), tokens), (percent(share), share))
    return [html.Td(words, **{"data-value": repr(value)}) for words, value in shown]


def held_out_note(answer: LossResponse) -> str:
    """n and what was scored."""
    held = answer.held_out
    return (
        f"Mean next-token loss on n = {held.n_tokens:,} targets of {held.n_documents:,} "
        f"documents, none trained on; {answer.n_function:,} function tokens at this cut."
    )


def method_note(answer: LossResponse) -> Component:
    """How the held-out text, the classes,
    the intervals and the baselines came about; folded away.
    """
    held = answer.held_out
    told = (
        f"Held out: {held.taken}. Classes: {held.counts}. Intervals: 95 %, {held.n_shards} "
        f"document shards resampled. Baselines: {held.smoothing}."
    )
    return html.Details([html.Summary("how this is measured"), html.P(told)], className="fs-small")


def seeds_note(answer: LossResponse) -> str:
    """Which lines are which."""
    by_model: dict[str, list[int]] = {}
    for run in answer.runs:
        by_model.setdefault(run.model, []).append(run.seed)
    parts = [
        f"{'solid' if place == 0 else 'dotted'}: {model}, {len(seeds)} "
        f"seed{'s' if len(seeds) > 1 else ''}" + (" (band: their range)" if len(seeds) > 1 else "")
        for place, (model, seeds) in enumerate(by_model.items())
    ]
    return (
        "; ".join(parts)
        + ". Colour: class of the target; paler where the current token is content."
    )


def paper_note(answer: LossResponse) -> str:
    """Where the paper's numbers come from, and how its shares follow."""
    return (
        f"The paper’s Figure 9, read off the picture ({answer.paper_error}). It prints no "
        "shares; they follow from its printed final losses: the four must average to “all”, with "
        "40 % function tokens and as many f→c as c→f."
    )


def features_note(answer: CheckpointFeatures) -> str:
    """n, the recipes, and what the marks mean."""
    positions = max((row.n_positions for row in answer.rows), default=0)
    target = (
        f" dashed, equal score: k chosen for a score of {answer.target_score:.2f};"
        if answer.target_score
        else ""
    )
    main = main_model(answer.rows)
    return (
        f"SAEs trained on each checkpoint of {main}, counted on the same n = {positions:,} "
        f"positions. Solid: one k throughout (dotted grey: of the other model);{target} "
        "diamonds: other widths, to see whether the dictionary is the ceiling. Hover: L0, score, "
        "interval."
    )


def degree_note(answer: CheckpointFeatures) -> str:
    """What is divided by what."""
    return (
        "Token–feature pairs that fire on the sample: share whose token is one of the "
        f"{answer.n_function:,} function tokens at this cut. Orange: one k throughout; blue: k "
        "chosen for an equal score. Bars: 95 %, leaving out one document shard at a time."
    )
