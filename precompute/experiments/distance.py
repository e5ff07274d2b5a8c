"""Is it the token's kind, or its nearness to the answer? A distant function token against a
nearer content token.

In every prompt the last position (the newline that the answer follows) is left alone, and one other
position is
edited: the first or the last function token before the last content token, or the first or the last
content token. Ablation takes away all that fires there; steering adds the difference of means
between prompts that ask for Chinese and the same prompts without, scaled to the mean size of the
residual at the last position, so every position of every prompt gets the same vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.arms import adding, taken_away
from backend.core.steering.contrast import difference_of_means
from precompute.experiments.result import Result, shown
from precompute.experiments.subject import Asked, Subject, chinese, kl_rows, measure
from precompute.lab.steering import last_resid

PLACES = {
    "distant_function": "the first function token of the prompt",
    "near_function": "the last function token before the last content token",
    "distant_content": "the first content token of the prompt",
    "near_content": "the last content token of the prompt, nearer to the answer than both "
    "function tokens",
    "last_function": "the last function token, which the answer follows (for comparison)",
}
DIFFERENCES = (("distant_function", "near_content"), ("near_function", "near_content"))
Base = tuple[np.ndarray, Tensor]  # what `measure` gives without any edit


def arms() -> dict[str, str]:
    """arm -> what it does."""
    made = {
        f"ablate {name}": f"All features that fire at {place} are ablated."
        for name, place in PLACES.items()
    }
    push = (
        "The difference of means (Chinese asked for or not), as large as the last position's "
        "residual, is added"
    )
    made |= {f"steer {name}": f"{push} at {place}." for name, place in PLACES.items()}
    for first, second in DIFFERENCES:
        for kind in ("ablate", "steer"):
            made[f"{kind} {first} - {second}"] = "The difference of the two arms, prompt by prompt."
    return made | {"none": "No intervention."}


OUTCOMES = {
    "loss_change": ("nats", "loss of the right answer with the edit minus loss without"),
    "kl": ("nats", "KL(edited ‖ baseline) of the next token after the prompt"),
    "chinese": ("share", "greedy answers with Han characters and no Latin letter"),
    "distance": ("tokens", "from the edited position to the last position of the prompt"),
    "removed_norm": ("share of the residual norm", "size of what is taken away at its position"),
}


def usable(asked: Asked) -> bool:
    """Whether the prompt has a function token before its last content token,
    and two content tokens.
    """
    content = asked.of_class("content")
    return len(content) > 1 and any(p < content[-1] for p in asked.of_class("function"))


def places(asked: Asked) -> dict[str, int]:
    """Position of each of PLACES."""
    function, content = asked.of_class("function"), asked.of_class("content")
    before = [p for p in function if p < content[-1]]
    return {
        "distant_function": before[0],
        "near_function": before[-1],
        "distant_content": content[0],
        "near_content": content[-1],
        "last_function": function[-1],
    }


def run(subject: Subject, asked: Sequence[Asked], difference: dict[int, Tensor]) -> Result:
    """`asked`: usable prompts. `difference`: layer -> the vector that steering adds, [d_model]."""
    result = Result("distance", subject.seed, arm=arms(), outcome=dict(OUTCOMES))
    base = measure(subject.lm, asked)
    where = [places(one) for one in asked]
    for name in PLACES:
        gaps = [
            float(len(one.token_ids) - 1 - place[name])
            for one, place in zip(asked, where, strict=True)
        ]
        result.mean(f"ablate {name}", "distance", gaps, sae_id=None, layer=None)
    plain = chinese(subject.lm, asked)
    result.share("none", "chinese", plain, len(asked), sae_id=None, layer=None)
    resid = [subject.resid(one.token_ids) for one in tqdm(asked, desc="distance: reading")]
    for sae in subject.saes:
        at = [one[sae.layer] for one in resid]
        _ablate(result, subject, sae, asked, where, at, base)
        size = torch.stack([rows[-1].float().norm() for rows in at]).mean()
        vector = difference[sae.layer] * (size / difference[sae.layer].norm())
        _steer(result, subject, sae, asked, where, vector, base, plain)
    result.prompt = [
        {"place": place, "prompt": one.question.prompt, "answer": one.question.answer}
        for place, one in enumerate(asked)
    ]
    result.finding = list(findings(result, subject.saes))
    return result


def _ablate(
    result: Result,
    subject: Subject,
    sae: Sae,
    asked: Sequence[Asked],
    where: Sequence[dict[str, int]],
    resid: Sequence[Tensor],
    base: Base,
) -> None:
    changes = {}
    for name in tqdm(PLACES, desc=f"distance: {sae.sae_id}, ablation"):
        edits, norms = [], []
        for place, rows in zip(where, resid, strict=True):
            position = place[name]
            firings = sae.encode(rows[position][None])
            vector = taken_away(sae, firings.feature_index, firings.activation)
            norms.append(float(vector.norm() / rows[position].float().norm()))
            edits.append([adding(sae.layer, vector, -1.0)(position)])
        changes[name] = _record(result, subject, sae, f"ablate {name}", asked, edits, base)
        result.mean(f"ablate {name}", "removed_norm", norms, sae_id=sae.sae_id, layer=sae.layer)
    _differences(result, sae, "ablate", changes)


def _steer(
    result: Result,
    subject: Subject,
    sae: Sae,
    asked: Sequence[Asked],
    where: Sequence[dict[str, int]],
    vector: Tensor,
    base: Base,
    plain: int,
) -> None:
    """`plain`: Chinese answers without any edit."""
    add = adding(sae.layer, vector, 1.0)
    seen_later = sae.layer < subject.lm.n_layers - 1
    changes = {}
    for name in tqdm(PLACES, desc=f"distance: {sae.sae_id}, steering"):
        edits = [[add(place[name])] for place in where]
        changes[name] = _record(result, subject, sae, f"steer {name}", asked, edits, base)
        heard = seen_later or name == "last_function"  # else no answer can change: spare the asking
        shown_in = chinese(subject.lm, asked, edits) if heard else plain
        result.share(
            f"steer {name}", "chinese", shown_in, len(asked), sae_id=sae.sae_id, layer=sae.layer
        )
    _differences(result, sae, "steer", changes)


def _record(
    result: Result,
    subject: Subject,
    sae: Sae,
    arm: str,
    asked: Sequence[Asked],
    edits: Sequence[Sequence[Intervention]],
    base: Base,
) -> dict[str, list[float]]:
    loss, following = measure(subject.lm, asked, edits)
    made = {"loss_change": (loss - base[0]).tolist(), "kl": kl_rows(following, base[1]).tolist()}
    for outcome, values in made.items():
        result.mean(arm, outcome, values, sae_id=sae.sae_id, layer=sae.layer, keep=outcome == "kl")
    return made


def _differences(
    result: Result, sae: Sae, kind: str, changes: dict[str, dict[str, list[float]]]
) -> None:
    for first, second in DIFFERENCES:
        for outcome in ("loss_change", "kl"):
            pairs = zip(changes[first][outcome], changes[second][outcome], strict=True)
            values = [a - b for a, b in pairs]
            result.mean(
                f"{kind} {first} - {second}", outcome, values, sae_id=sae.sae_id, layer=sae.layer
            )


def mean_difference(
    subject: Subject, plain: Sequence[str], asking: Sequence[str], layers: Sequence[int]
) -> dict[int, Tensor]:
    """layer -> mean residual at the last position over `asking` minus that over `plain`,
    float32 [d_model].
    """
    after, before = (last_resid(subject.lm, texts, layers) for texts in (asking, plain))
    return {layer: difference_of_means(after[layer], before[layer]) for layer in layers}


def findings(result: Result, saes: Sequence[Sae]) -> Iterator[str]:
    """Per SAE: which of the two positions matters more, by ablation and by steering."""
    for sae in saes:
        cut = result.value("ablate distant_function - near_content", "kl", sae.sae_id)
        push = result.value("steer distant_function - near_content", "kl", sae.sae_id)
        last = result.value("ablate last_function", "kl", sae.sae_id)
        yield (
            f"After layer {sae.layer}, a distant function token minus a nearer content token: KL "
            f"{shown(cut)} nats when all that fires there is ablated, {shown(push)} nats when "
            "the same vector is added; ablating the last function token itself gives "
            f"{shown(last)} (n = {cut['n']})."
        )
