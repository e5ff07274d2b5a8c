"""The paper's search for "Speak Chinese", in every SAE's layer by itself,
and the difference of means in every layer.

The layer competition of the paper is shown by its figures, not by its winner: each layer is
searched alone. Layers, α and k are chosen on trained phrasings; the arms are judged on held-out
ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tqdm import tqdm

from backend.core.sae import Sae
from backend.core.steering.arms import adding
from backend.core.steering.prompt import ReadPrompt
from backend.core.steering.trait_rows import Finding, Spot, Trait
from backend.core.steering.traits import TraitSearch
from precompute.experiments.distance import mean_difference
from precompute.experiments.result import Result, shown
from precompute.experiments.subject import NEW_TOKENS, Asked, Subject, chinese
from precompute.lab.steering import CHINESE

TRAIT_PROMPT = "Speak Chinese. What is the capital of UK?\n"
INSTRUCTION = "Speak Chinese. {prompt}"
INDUCES = 0.5
LENGTHS = (1.0, 2.0)  # of the difference of means
ARMS = {
    "layer": "The trait prompt's whole residual is added at the last function token (the paper's "
    "choice of a layer).",
    "features": "The sum of the k strongest features' W_dec rows, times α.",
    "feature": "The k-th feature alone, at its own α.",
    "random_feature": "A random feature of the same SAE, at the size of the feature's edit.",
    "none": "No intervention.",
    "asking": "No edit: the instruction stands in the prompt.",
    "difference_of_means": "Mean residual with the instruction minus that without it, over the "
    "contrast prompts.",
    "search": f"The search itself: inducing means {100 * INDUCES:.0f} % of the contrast prompts.",
}
OUTCOMES = {
    "success": (
        "share",
        "answers with Han characters and no Latin letter; layer: on the contrast prompts",
    ),
    "k": (
        "features",
        "smallest number found by bisection; -1 = no sum of features induces the trait",
    ),
    "alpha": ("activation units", "the first α of the list at which some k induces it"),
    "feature_index": ("index", "the k-th feature"),
    "feature_alpha": (
        "activation units",
        "α of the feature alone, best of the list on the contrast prompts",
    ),
    "n_active": ("features", "that fire at the trait prompt's last function token"),
}


def run_search(subject: Subject, contrast: Sequence[Asked], test: Sequence[Asked]) -> Result:
    """The search in each SAE alone."""
    result = Result("trait", subject.seed, arm=dict(ARMS), outcome=dict(OUTCOMES))
    trait = Trait(
        trait=_spot(subject.read_text(TRAIT_PROMPT)),
        contrast=[_spot(one) for one in contrast],
        test=[_spot(one) for one in test],
        success=CHINESE,
        asking_contrast=[_spot(subject.read_text(_instructed(one))) for one in contrast],
        asking_test=[_spot(subject.read_text(_instructed(one))) for one in test],
        induces=INDUCES,
        max_new_tokens=NEW_TOKENS,
        seed=subject.seed,
    )
    found: dict[str, Finding] = {}
    for sae in subject.saes:
        search = TraitSearch(subject.lm, [sae], trait)
        for _ in tqdm(search.steps(), desc=f"trait: {sae.sae_id}"):
            pass
        found[sae.sae_id] = search.finding
        _record(result, sae, search.finding)
    result.finding = list(search_findings(result, subject.saes, found))
    return result


def _record(result: Result, sae: Sae, found: Finding) -> None:
    place: dict[str, Any] = {"sae_id": sae.sae_id, "layer": sae.layer}
    tried = found.layers[0]
    result.share("layer", "success", tried.success.successes, tried.success.n, **place)
    result.exact("search", "n_active", tried.n_active, **place)
    result.exact("search", "k", -1 if found.k is None else found.k, **place)
    for name, value in (
        ("alpha", found.alpha),
        ("feature_index", found.feature_index),
        ("feature_alpha", found.feature_alpha),
    ):
        if value is not None:
            result.exact("search", name, value, **place)
    for arm in found.arms:
        result.share(arm.name, "success", arm.success.successes, arm.success.n, **place)


def search_findings(
    result: Result, saes: Sequence[Sae], found: dict[str, Finding]
) -> Iterator[str]:
    """One sentence per layer."""
    for sae in saes:
        own = found[sae.sae_id]
        layer = result.value("layer", "success", sae.sae_id)
        means = result.value("difference_of_means", "success", sae.sae_id)
        start = (
            f"Layer {sae.layer}: the trait prompt's residual turns "
            f"{shown(layer, percent=True)} of the answers"
        )
        if own.k is None:
            yield (
                f"{start}; no sum of its {own.layers[0].n_active} active features induces "
                "Chinese at any α tried; the difference of means gives "
                f"{shown(means, percent=True)}."
            )
            continue
        alone = result.value("feature", "success", sae.sae_id)
        random = result.value("random_feature", "success", sae.sae_id)
        yield (
            f"{start}; k = {own.k} of {own.layers[0].n_active} at α = {own.alpha:.3g}: feature "
            f"{own.feature_index}, alone {shown(alone, percent=True)}, a random feature of its "
            f"size {shown(random, percent=True)}, the difference of means "
            f"{shown(means, percent=True)} (n = {alone['n']})."
        )


def run_means(subject: Subject, contrast: Sequence[Asked], test: Sequence[Asked]) -> Result:
    """The difference of means after every decoder layer, at one and two times its own length."""
    arms = {
        f"{length:g} ×": f"{length:g} × the difference of means is added." for length in LENGTHS
    }
    outcomes = {
        "success": OUTCOMES["success"],
        "norm": ("residual units", "length of the difference of means"),
    }
    result = Result(
        "difference_of_means",
        subject.seed,
        arm={**arms, "none": "No intervention."},
        outcome=outcomes,
    )
    layers = list(range(subject.lm.n_layers))
    plain = [one.question.prompt for one in contrast]
    vectors = mean_difference(subject, plain, [_instructed(one) for one in contrast], layers)
    result.share("none", "success", chinese(subject.lm, test), len(test), sae_id=None, layer=None)
    for layer in tqdm(layers, desc="difference of means"):
        result.exact("1 ×", "norm", float(vectors[layer].norm()), sae_id=None, layer=layer)
        for length in LENGTHS:
            add = adding(layer, vectors[layer], length)
            shown_in = chinese(subject.lm, test, [[add(last_function(one))] for one in test])
            result.share(f"{length:g} ×", "success", shown_in, len(test), sae_id=None, layer=layer)
    result.finding = list(means_findings(result))
    return result


def means_findings(result: Result) -> Iterator[str]:
    """One sentence per decoder layer."""
    plain = result.value("none", "success")
    yield (
        f"Without any edit {shown(plain, percent=True)} of the answers are in Chinese (n = "
        f"{plain['n']})."
    )
    for row in result.estimate:
        if (row["arm"], row["outcome"]) == ("1 ×", "success"):
            layer = row["layer"]
            twice = next(r for r in result.estimate if (r["arm"], r["layer"]) == ("2 ×", layer))
            yield (
                f"The difference of means, added after layer {layer} at the last function token: "
                f"{shown(row, percent=True)} in Chinese at its own length, "
                f"{shown(twice, percent=True)} at twice that."
            )


def _instructed(one: Asked) -> str:
    return INSTRUCTION.replace("{prompt}", one.question.prompt)


def _spot(prompt: ReadPrompt) -> Spot:
    return Spot(prompt.token_ids, last_function(prompt))


def last_function(prompt: ReadPrompt) -> int:
    """ValueError for a prompt without a function token."""
    if prompt.last_function is None:
        raise ValueError(f"{prompt.texts} needs a function token.")
    return prompt.last_function
