"""An edit tried on a set of prompts, on the wire and in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.steering.arms import NO_CHANGE, FeatureEdit, edit_words, other_feature
from backend.core.steering.prompt_set import Answers, SetExperiment
from backend.core.steering.trait_rows import Share
from backend.routes.live.trait_wire import rate
from backend.schemas import Rate
from backend.schemas.prompt_sets import SetAnswer, SetArm, SetRow, SteerSetRequest

WHERE = {
    "last_function": "at each prompt's last function token",
    "last": "at each prompt's last token",
    "all": "at every position of each prompt",
}


def arm_sentences(request: SteerSetRequest, edits: Sequence[FeatureEdit]) -> dict[str, str]:
    """What every arm does, by its name. `edits`: those of any prompt."""
    pairs = list(zip(request.interventions, edits, strict=True))
    words = "; ".join(f"{edit_words(edit)} {WHERE[one.positions]}" for one, edit in pairs)
    drawn = ", ".join(
        f"{other_feature(edit.sae.d_sae, edit.feature_index, request.seed)} of {edit.sae.sae_id}"
        for edit in edits
    )
    return {
        "baseline": NO_CHANGE,
        "steered": words[0].upper() + words[1:] + ".",
        "content_position": "The same edit at one content token of each prompt, drawn by the seed.",
        "random_feature": "An edit of the same size along a random feature's direction "
        f"({drawn}), at the same places.",
        "sign_flipped": "The same edit with its sign turned round, at the same places.",
    }


def arms_of(experiment: SetExperiment, sentences: dict[str, str]) -> list[SetArm]:
    """Over the prompts answered so far."""
    return [
        SetArm(
            name=name,
            sentence=sentences[name],
            success=_rate(experiment.share(name, lambda one: one.success)),
            changed=None
            if name == "baseline"
            else _rate(experiment.share(name, lambda one: one.changed)),
        )
        for name in experiment.arm_names
    ]


def rows_of(rows: Sequence[Answers], first: int) -> list[SetRow]:
    """Of the prompts from `first` on."""
    return [
        SetRow(
            prompt=first + place,
            answers={
                name: SetAnswer(text=one.text, success=one.success, changed=one.changed)
                for name, one in row.items()
            },
        )
        for place, row in enumerate(rows)
    ]


def _rate(share: Share | None) -> Rate | None:
    return None if share is None else rate(share)
