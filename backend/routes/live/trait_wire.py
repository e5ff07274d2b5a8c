"""What a trait search found, on the wire and in plain words."""

from __future__ import annotations

from typing import Any

from backend.core.intervals import wilson
from backend.core.steering import trait_rows as rows
from backend.schemas import (
    Rate,
    TraitArm,
    TraitLayer,
    TraitProgressFrame,
    TraitsResponse,
    TraitStrength,
    TraitTrial,
)

ARMS = {
    "none": "No intervention.",
    "features": "The sum of the k strongest features' W_dec rows times α.",
    "feature": "The k-th feature alone, times its own α.",
    "random_feature": "A random feature of the same SAE, scaled to the size of the feature's edit.",
    "difference_of_means": "The mean residual with the instruction minus that without it, over "
    "the contrast prompts.",
    "asking": "No intervention: the instruction stands in the prompt.",
}
NO_INSTRUCTION = (
    "The trait prompt's residual minus the mean over the contrast prompts (no "
    "instruction was given)."
)


def rate(share: rows.Share) -> Rate:
    low, high = wilson(share.successes, share.n)
    return Rate(share=share.share, interval=[low, high], successes=share.successes, n=share.n)


def layer(tried: rows.LayerTried) -> TraitLayer:
    return TraitLayer(
        sae_id=tried.sae_id, layer=tried.layer, success=rate(tried.success), n_active=tried.n_active
    )


def trial(tried: rows.SetTried) -> TraitTrial:
    return TraitTrial(alpha=tried.alpha, k=tried.k, success=rate(tried.success))


def strength(tried: rows.StrengthTried) -> TraitStrength:
    return TraitStrength(alpha=tried.alpha, success=rate(tried.success))


def arm(judged: rows.ArmJudged, *, instructed: bool) -> TraitArm:
    own = judged.name == "difference_of_means" and not instructed
    sentence = NO_INSTRUCTION if own else ARMS[judged.name]
    return TraitArm(
        name=judged.name, sentence=sentence, success=rate(judged.success), texts=judged.texts
    )


def progress_frame(made: rows.Progress, *, instructed: bool) -> TraitProgressFrame:
    """The step, with what it completed if it completed something."""
    return TraitProgressFrame(
        seq=0,
        stage=made.stage,
        done=made.done,
        most=made.most,
        sentence=_step_sentence(made),
        layer=layer(made.layer) if made.layer else None,
        trial=trial(made.trial) if made.trial else None,
        strength=strength(made.strength) if made.strength else None,
        arm=arm(made.arm, instructed=instructed) if made.arm else None,
    )


def _step_sentence(made: rows.Progress) -> str:
    if made.layer:
        return (
            f"Layer {made.layer.layer}: {_of(made.layer.success)} contrast prompts show the trait."
        )
    if made.trial:
        features = "feature" if made.trial.k == 1 else "features"
        return (
            f"α {made.trial.alpha:.3g}, {made.trial.k} {features}: {_of(made.trial.success)} "
            "contrast prompts."
        )
    if made.strength:
        return (
            f"The feature alone at α {made.strength.alpha:.3g}: {_of(made.strength.success)} "
            "contrast prompts."
        )
    if made.arm:
        return (
            f"{made.arm.name.replace('_', ' ').capitalize()}: {_of(made.arm.success)} test prompts."
        )
    return {
        "layers": "Trying the layers.",
        "features": "Searching for the smallest number of features.",
        "strength": "Looking for the feature's own strength.",
        "arms": "Judging the arms on the test prompts.",
    }[made.stage]


def _of(share: rows.Share) -> str:
    return f"{share.successes} of {share.n}"


def response(
    found: rows.Finding, *, act_q999: float | None, instructed: bool, effective: dict[str, Any]
) -> TraitsResponse:
    """The whole answer of a search that ran to its end."""
    return TraitsResponse(
        found=found.k is not None,
        sentence=finding_sentence(found),
        sae_id=found.sae_id,
        layer=found.layer,
        alpha=found.alpha,
        k=found.k,
        feature_index=found.feature_index,
        feature_activation=found.feature_activation,
        feature_alpha=found.feature_alpha,
        act_q999=act_q999,
        layers=[layer(one) for one in found.layers],
        trials=[trial(one) for one in found.trials],
        strengths=[strength(one) for one in found.strengths],
        arms=[arm(one, instructed=instructed) for one in found.arms],
        effective=effective,
    )


def finding_sentence(found: rows.Finding) -> str:
    """What came out, with the figures that say how good it is."""
    best = next(one for one in found.layers if one.sae_id == found.sae_id)
    start = f"Layer {found.layer} does best ({_of(best.success)} contrast prompts)"
    if not best.success.successes:
        start = (
            "After no layer does the trait prompt's residual show the trait "
            f"({_of(best.success)} contrast prompts after each); layer {found.layer} was taken "
            "as the first of equals"
        )
    if found.k is None:
        return f"{start}, but no sum of its features induces the trait at any α that was tried."
    chosen = f"{start}; k = {found.k}: feature {found.feature_index} of {found.sae_id}."
    shown = {one.name: _of(one.success) for one in found.arms}
    if "feature" not in shown:
        return chosen
    tried = next(one.success for one in found.strengths if one.alpha == found.feature_alpha)
    return (
        f"{chosen} On the test prompts the k strongest together, at α {found.alpha:.3g}, show "
        f"the trait in {shown['features']}; the feature alone, at α {found.feature_alpha:.3g}, "
        f"in {shown['feature']} (on the contrast prompts {_of(tried)}); a random feature of that "
        f"size in {shown['random_feature']}."
    )
