"""Necessity: at the last function token, switch off everything that was reactivated there.

Reactivated: fires at the last function token and fired at an earlier non-special position of the
prompt. The measure is the change of the loss of the right answer. Controls ablate as many features,
drawn at random, among those that fire at the same position for the first time, or at a content
position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from backend.core.lm.interventions import Intervention
from backend.core.sae import Firings, Sae
from backend.core.steering.arms import adding, taken_away
from precompute.experiments.result import Result, shown
from precompute.experiments.subject import Asked, Subject, kl_rows, measure

ARMS = {
    "reactivated": "At the last function token, every feature that was reactivated there is "
    "ablated.",
    "reactivated_matched": "At the last function token, reactivated features at random, as many "
    "as are new there (all, where fewer were reactivated).",
    "new_matched": "At the last function token, as many features that fire there for the first "
    "time, drawn at random.",
    "content_last": "At the last content token, as many of the features that fire there, drawn "
    "at random, as were reactivated at the last function token (all, where fewer "
    "fire).",
    "content_random": "The same at a content token drawn at random.",
    "reactivated - content_last": "The difference of the two arms, prompt by prompt.",
    "reactivated_matched - new_matched": "The difference of the two arms, prompt by prompt: one "
    "position, one number.",
    "none": "No intervention.",
}
OUTCOMES = {
    "loss": (
        "nats",
        "loss of the right answer: summed over its tokens, the end of text not counted",
    ),
    "loss_change": ("nats", "loss with the ablation minus loss without"),
    "kl": ("nats", "KL(ablated ‖ baseline) of the next token after the prompt"),
    "features": ("features", "ablated per prompt"),
    "removed_norm": ("share of the residual norm", "size of what is taken away at its position"),
}
DRAWN = ("reactivated", "reactivated_matched", "new_matched", "content_last", "content_random")


@dataclass(frozen=True)
class Cut:
    """What one arm ablates in one prompt, in one SAE."""

    sae: Sae
    position: int
    features: Tensor  # int64 [n]
    activations: Tensor  # float32 [n]


def run(subject: Subject, asked: Sequence[Asked]) -> Result:
    """All arms, in every SAE alone and in all of them together."""
    result = Result("necessity", subject.seed, arm=dict(ARMS), outcome=dict(OUTCOMES))
    base, base_next = measure(subject.lm, asked)
    result.mean("none", "loss", base.tolist(), sae_id=None, layer=None, keep=True)
    resid = [subject.resid(one.token_ids) for one in tqdm(asked, desc="necessity: reading")]
    cuts = {
        sae.sae_id: [
            draw(sae, one, at[sae.layer], subject.seed + place)
            for place, (one, at) in enumerate(zip(asked, resid, strict=True))
        ]
        for sae in subject.saes
    }
    scopes: list[tuple[str, int | None, list[str]]] = [
        (s.sae_id, s.layer, [s.sae_id]) for s in subject.saes
    ]
    scopes.append(("all", None, [sae.sae_id for sae in subject.saes]))
    for sae_id, layer, members in scopes:
        changes: dict[str, np.ndarray] = {}
        for arm in tqdm(DRAWN, desc=f"necessity: {sae_id}"):
            plans = [[cuts[m][place][arm] for m in members] for place in range(len(asked))]
            edits = [
                [edit for cut in plan for edit in _edits(cut, together=layer is None)]
                for plan in plans
            ]
            loss, following = measure(subject.lm, asked, edits)
            changes[arm] = loss - base
            result.mean(
                arm, "loss_change", changes[arm].tolist(), sae_id=sae_id, layer=layer, keep=True
            )
            result.mean(
                arm, "kl", kl_rows(following, base_next).tolist(), sae_id=sae_id, layer=layer
            )
            counts = [float(sum(len(cut.features) for cut in plan)) for plan in plans]
            result.mean(arm, "features", counts, sae_id=sae_id, layer=layer)
            if layer is not None:
                norms = [
                    _share(cut[arm], at[layer]) for cut, at in zip(cuts[sae_id], resid, strict=True)
                ]
                result.mean(arm, "removed_norm", norms, sae_id=sae_id, layer=layer)
        for first, second in (
            ("reactivated", "content_last"),
            ("reactivated_matched", "new_matched"),
        ):
            difference = (changes[first] - changes[second]).tolist()
            result.mean(
                f"{first} - {second}", "loss_change", difference, sae_id=sae_id, layer=layer
            )
    result.prompt = [
        {"place": place, "prompt": one.question.prompt, "answer": one.question.answer}
        for place, one in enumerate(asked)
    ]
    result.finding = list(findings(result, [sae_id for sae_id, _, _ in scopes]))
    return result


def draw(sae: Sae, asked: Asked, resid: Tensor, seed: int) -> dict[str, Cut]:
    """What each arm ablates in one prompt.

    ValueError for a prompt without a function or a content token.
    """
    function, content = asked.of_class("function"), asked.of_class("content")
    if not function or not content:
        raise ValueError(f"{asked.question.prompt!r} needs a function token and a content token.")
    rng = np.random.default_rng(seed)
    firings = sae.encode(resid)
    last = function[-1]
    elsewhere = int(rng.choice(content))
    earlier = {p for p in function + content if p < last}
    before = set(firings.feature_index[_at(firings, sorted(earlier))].tolist())
    here = _cut(sae, firings, last)
    again = torch.tensor([f in before for f in here.features.tolist()], dtype=torch.bool)
    old, new = _take(here, again), _take(here, ~again)
    matched = min(len(old.features), len(new.features))
    return {
        "reactivated": old,
        "reactivated_matched": _some(old, matched, rng),
        "new_matched": _some(new, matched, rng),
        "content_last": _some(_cut(sae, firings, content[-1]), len(old.features), rng),
        "content_random": _some(_cut(sae, firings, elsewhere), len(old.features), rng),
    }


def _at(firings: Firings, positions: Sequence[int]) -> Tensor:
    return torch.isin(firings.position, torch.tensor(list(positions), dtype=torch.long))


def _cut(sae: Sae, firings: Firings, position: int) -> Cut:
    mine = firings.position == position
    return Cut(sae, position, firings.feature_index[mine], firings.activation[mine])


def _take(cut: Cut, which: Tensor) -> Cut:
    return Cut(cut.sae, cut.position, cut.features[which], cut.activations[which])


def _some(cut: Cut, n: int, rng: np.random.Generator) -> Cut:
    """n of its features at random; all where it has fewer."""
    order = torch.from_numpy(rng.permutation(len(cut.features))[:n])
    return _take(cut, order)


def _edits(cut: Cut, *, together: bool) -> list[Intervention]:
    """In one SAE alone the ablations are one vector, known beforehand. With shallower edits before
    it, each feature must be read again at its turn.
    """
    if not together:
        vector = taken_away(cut.sae, cut.features, cut.activations)
        return [adding(cut.sae.layer, vector, -1.0)(cut.position)]
    ablate: Callable[[int], Intervention] = lambda f: Intervention.on_feature(  # noqa: E731
        cut.sae, f, "ablate", positions=(cut.position,)
    )
    return [ablate(f) for f in cut.features.tolist()]


def _share(cut: Cut, resid: Tensor) -> float:
    vector = taken_away(cut.sae, cut.features, cut.activations)
    return float(vector.norm() / resid[cut.position].float().norm())


def findings(result: Result, scopes: Sequence[str]) -> Iterator[str]:
    """One sentence per SAE and one for all:
    the figures say whether reactivated features are needed.
    """
    for sae_id in scopes:
        own = result.value("reactivated", "loss_change", sae_id)
        against = result.value("reactivated_matched - new_matched", "loss_change", sae_id)
        content = result.value("reactivated - content_last", "loss_change", sae_id)
        where = "In all SAEs together" if sae_id == "all" else f"In {sae_id}"
        yield (
            f"{where}, ablating all that was reactivated at the last function token changes the "
            f"right answer's loss by {shown(own)} nats; minus as many features at the last "
            f"content token {shown(content)}; minus as many new features at the same position, "
            f"number for number, {shown(against)} (n = {own['n']})."
        )
    yield (
        "After the model's last layer an edit at any position but the last cannot change the "
        "next token: the content arms are exactly 0 there by construction."
    )
