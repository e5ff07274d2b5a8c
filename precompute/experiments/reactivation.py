"""Does more fire again at function tokens than the same tokens make fire again in another order?

The reactivation index of backend/core/reactivation/index.py over a set of prompts, per SAE: what
the Reactivation page measures over the same set, with the same shuffles, kept for the claims.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.lm.past import Past
from backend.core.reactivation.count import Shuffling, count, kept_positions
from backend.core.reactivation.index import PromptCounts, prompt_counts, summarise
from backend.core.steering.prompt import ReadPrompt
from precompute.experiments.result import Result, shown
from precompute.experiments.subject import Subject

SHUFFLES = 20
SET = "the preset's prompt set, precompute/lab/prompts.json and its pairs"
ARMS = {
    "function": "Firings at function tokens.",
    "content": "Firings at content tokens.",
    "function - content": "The difference of the two.",
}


def run(subject: Subject, prompts: Sequence[str]) -> Result:
    """Index of both classes and their difference,
    each with its bootstrap interval over prompts, in every SAE.
    """
    return index_of(subject, [counted(subject, subject.read_text(text)) for text in prompts])


def index_of(subject: Subject, counts: Sequence[Sequence[PromptCounts]]) -> Result:
    """The same of prompts that were counted: an item per prompt, in each an item per SAE."""
    result = Result("reactivation", subject.seed, arm=dict(ARMS))
    result.outcome["share"] = (
        "share",
        "of the firings, those that fired at an earlier position already",
    )
    result.outcome["shuffled_share"] = (
        "share",
        f"the same in {SHUFFLES} arrangements: tokens trade places within their class, the last "
        "function token stays; range of the middle 95 % of them",
    )
    result.outcome["index"] = ("share", "share less the mean of the arrangements' share")
    for place, sae in enumerate(subject.saes):
        _estimate(result, [one[place] for one in counts], sae.sae_id, sae.layer, subject.seed)
    return result


def counted(subject: Subject, prompt: ReadPrompt, past: Past | None = None) -> list[PromptCounts]:
    """One prompt's counts, an item per SAE. `past`: of its prefix, where that was run already."""
    kept = kept_positions(prompt, len(prompt.token_ids))
    found = count(subject.lm, subject.saes, prompt, kept, Shuffling(SHUFFLES), past=past)
    both = [found[sae.sae_id] for sae in subject.saes]
    return [prompt_counts(one.observed, one.shuffled, prompt.classes) for one in both]


def _estimate(
    result: Result, counts: Sequence[PromptCounts], sae_id: str, layer: int, seed: int
) -> None:
    found = summarise(counts, seed=seed)
    for one in found.classes:
        figures = (
            ("share", one.share, None),
            ("shuffled_share", one.shuffled_share, one.shuffled_interval),
            ("index", one.index, one.interval),
        )
        for outcome, value, interval in figures:
            if value is not None:
                result.estimated(
                    one.token_class,
                    outcome,
                    value,
                    interval,
                    len(counts),
                    sae_id=sae_id,
                    layer=layer,
                )
    between = found.difference
    if between.share is not None and between.index is not None:
        name, n = "function - content", len(counts)
        result.estimated(
            name, "share", between.share, between.share_interval, n, sae_id=sae_id, layer=layer
        )
        result.estimated(
            name, "index", between.index, between.index_interval, n, sae_id=sae_id, layer=layer
        )
    index = {arm: shown(result.value(arm, "index", sae_id), percent=True) for arm in ARMS}
    result.finding.append(
        f"In {sae_id}, the reactivation index is {index['function']} at function and "
        f"{index['content']} at content tokens; the difference {index['function - content']} (n "
        f"= {len(counts)} prompts)."
    )
