"""What the browser needs to scrub without asking again: every checkpoint, compactly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from app.parts.numbers import interval
from app.parts.token import token_chip, visible
from backend.schemas import Generations, LossResponse, Sentence, StageRow, TokenRef, TrainingRun

STAGES = {
    "random": "random",
    "function_tokens": "function tokens only",
    "local_phrases": "local phrases",
    "long_range": "long range",
}


def run_title(run: TrainingRun, runs: Sequence[TrainingRun]) -> str:
    """The run's title, with its seed where another run has the same."""
    shared = [one.title for one in runs].count(run.title) > 1
    return f"{run.title}, seed {run.seed}" if shared else run.title


def all_steps(runs: Sequence[TrainingRun]) -> list[int]:
    """Every checkpoint of any run, ascending."""
    return sorted({step for run in runs for step in run.steps})


def nearest_step(steps: Sequence[int], asked: str | None) -> int:
    """Index of the checkpoint nearest to the asked step;
    the last one for anything that is no number.
    """
    if not asked or not asked.isdecimal():
        return len(steps) - 1
    return min(range(len(steps)), key=lambda i: abs(steps[i] - int(asked)))


def cursor_data(
    answer: LossResponse, generations: Generations, group: str | None
) -> dict[str, Any]:
    """{"steps", "runs", "loss", "stages", "prompts"};
    loss[run][transition][step] = the row's numbers.
    """
    runs = answer.runs
    keys = {(run.model, run.seed): place for place, run in enumerate(runs)}
    loss: list[dict[str, dict[int, list[Any]]]] = [{} for _ in runs]
    for row in answer.rows:
        if row.group == group:
            numbers = [row.loss, *_ends(row.interval), row.n_tokens, row.share_of_loss, row.excess]
            loss[keys[row.model, row.seed]].setdefault(row.transition, {})[row.step] = numbers
    stages: list[dict[int, dict[str, Any]]] = [{} for _ in runs]
    for stage in generations.stages:
        stages[keys[stage.model, stage.seed]][stage.step] = {
            "stage": stage.stage,
            "words": stage_words(stage),
        }
    texts = {token.token_id: token.text for token in generations.vocabulary}
    prompts = [
        {
            "text": visible(prompt.text),
            "continuations": {
                f"{keys[one.model, one.seed]}:{one.step}": "".join(
                    texts.get(i, "\ufffd") for i in one.token_ids
                )
                for one in prompt.continuations
            },
        }
        for prompt in generations.prompts
    ]
    told = [
        {
            "title": run_title(run, runs),
            "model": run.model,
            "seed": run.seed,
            "last": run.steps[-1],
            "tokens_per_step": run.tokens_per_step,
        }
        for run in runs
    ]
    return {
        "steps": all_steps(runs),
        "runs": told,
        "loss": loss,
        "stages": stages,
        "prompts": prompts,
    }


def _ends(interval: Sequence[float] | None) -> tuple[float | None, float | None]:
    return (interval[0], interval[1]) if interval else (None, None)


def stage_words(stage: StageRow) -> str:
    """The label and the numbers that gave it."""
    return (
        f"{STAGES[stage.stage]}: {stage.function_predictions:.0%} of {stage.n_tokens:,} "
        f"predictions are function tokens, {stage.distinct_predictions:,} different tokens; the "
        f"whole context gains {stage.context_gain:.3f} nats {interval(stage.context_interval, 3)} "
        f"over the last few tokens (n = {stage.n_targets:,})"
    )


def prediction_table(
    sentence: Sentence, run: TrainingRun, tokens: dict[int, TokenRef]
) -> Component:
    """The most probable next token after each token of a sentence:
    a row per checkpoint, the sentence on top.
    """
    found = {
        one.step: one
        for one in sentence.predictions
        if (one.model, one.seed) == (run.model, run.seed)
    }
    head = html.Tr(
        [
            html.Th("step", scope="col"),
            *(_sentence_token(i, tokens) for i in sentence.token_ids[1:]),
        ]
    )
    body = [
        html.Tr(
            [
                html.Th(f"{step:,}", scope="row"),
                *(
                    _predicted(ids[0], chances[0], target, tokens)
                    for ids, chances, target in list(
                        zip(one.token_ids, one.probabilities, [*one.target, None], strict=False)
                    )[1:]
                ),
            ],
            **{"data-step": str(step)},
        )
        for step, one in sorted(found.items())
    ]
    return html.Table([html.Thead(head), html.Tbody(body)], className="fs-predictions")


def _sentence_token(token_id: int, tokens: dict[int, TokenRef]) -> Component:
    """The head of a column, of three in a saved table:
    what is expected after this token, and how probable that is.
    """
    after = f"after {tokens[token_id].text}"
    names = json.dumps([f"{after}: token_id", after, "probability"], ensure_ascii=False)
    return html.Th(_chip(token_id, tokens), scope="col", **{"data-values": names})


def _chip(token_id: int, tokens: dict[int, TokenRef]) -> Component:
    token = tokens[token_id]
    return token_chip(token.text, token.token_class or "content", token_id, inline=True)


def _predicted(
    token_id: int, chance: float, target: float | None, tokens: dict[int, TokenRef]
) -> Component:
    """One cell: the bar below it is the probability;
    hover says it in numbers, a saved table in three columns.
    """
    right = f"; the token that does follow: {target:.1%}" if target is not None else ""
    return html.Td(
        _chip(token_id, tokens),
        title=f"{chance:.1%}{right}",
        style={"--fs-chance": f"{min(chance, 1.0):.3f}"},
        **{
            "data-values": json.dumps([token_id, tokens[token_id].text, chance], ensure_ascii=False)
        },
    )
