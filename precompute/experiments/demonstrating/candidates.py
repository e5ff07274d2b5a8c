"""Which features are tried: those whose activation rises most where a trait is asked for in words,
and those whose direction promotes the words that such answers begin with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.memory import EAGER_DECODER
from backend.core.sae import Sae
from backend.core.steering.answers import Answer
from backend.core.steering.spots import residuals_at
from backend.core.steering.trait_rows import Spot
from precompute.experiments.demonstrating.asking import Answering, Row
from precompute.experiments.demonstrating.goal import Put

AT_ONCE = 64  # directions unembedded together: a row has as many entries as the vocabulary


@dataclass(frozen=True)
class Candidate:
    """`rise`: mean activation at the prompt's last position where the trait is asked for, less that
    where it is not. `promotes`: see `promotion`; per unit length of W_dec, None where not computed.
    """

    feature_index: int
    rise: float
    promotes: float | None


@dataclass(frozen=True)
class Scan:
    """What the questions to choose on show after one SAE's layer, at the prompt's last position.

    `norm`: mean length of the residual asked plainly. `difference` [d_model]: mean residual asked
    in words, less that asked plainly.
    """

    norm: float
    difference: list[float]
    candidates: list[Candidate]

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Scan:
        """From what `as_json` gave."""
        return cls(**kept | {"candidates": [Candidate(**one) for one in kept["candidates"]]})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Residuals:
    """float32 [question, d_model] by layer, at the prompts' last positions, for the questions that
    can ask.
    """

    plain: dict[int, Tensor]
    asking: dict[int, Tensor]


def residuals(answering: Answering, questions: Sequence[Put], layers: Sequence[int]) -> Residuals:
    """Of the questions that can ask for the trait, each asked both ways."""
    both = [(one.ids, one.asking) for one in questions if one.asking is not None]
    plain, asking = [ids for ids, _ in both], [ids for _, ids in both]
    return Residuals(_last(answering, plain, layers), _last(answering, asking, layers))


def _last(
    answering: Answering, prompts: Sequence[list[int]], layers: Sequence[int]
) -> dict[int, Tensor]:
    lm, past = answering.lm, answering.past([Row(ids) for ids in prompts])
    rows = [residuals_at(lm, Spot(ids, len(ids) - 1), layers, past) for ids in prompts]
    return {layer: torch.stack([row[layer].float() for row in rows]) for layer in layers}


def scan(sae: Sae, found: Residuals, promotes: Tensor | None, n_rise: int, n_promote: int) -> Scan:
    """The `n_rise` features that rise most, then the `n_promote` others that promote most.

    Neither list holds a feature without a rise, or that promotes the opposite. `promotes`
    [d_model]: as `promotion` gives it.
    """
    plain, asking = found.plain[sae.layer], found.asking[sae.layer]
    rise = _mean_activation(sae, asking) - _mean_activation(sae, plain)
    score = None
    if promotes is not None and sae.d_sae * sae.d_model <= EAGER_DECODER:
        rows = sae.W_dec.float()
        score = rows @ promotes / rows.norm(dim=-1).clamp(min=1e-12)
    chosen = _best(rise, n_rise, set())
    if score is not None:
        chosen += _best(score, n_promote, set(chosen))
    candidates = [
        Candidate(f, float(rise[f]), None if score is None else float(score[f])) for f in chosen
    ]
    norm = float(plain.norm(dim=-1).mean())
    return Scan(norm, (asking.mean(0) - plain.mean(0)).tolist(), candidates)


def _mean_activation(sae: Sae, resid: Tensor) -> Tensor:
    """float64 [d_sae]: mean over rows, silence counted as 0."""
    firings = sae.encode(resid)
    total = torch.zeros(sae.d_sae, dtype=torch.float64, device=resid.device)
    total.index_add_(0, firings.feature_index, firings.activation.double())
    return total / len(resid)


def _best(values: Tensor, n: int, taken: set[int]) -> list[int]:
    """Places of the largest values above 0, largest first."""
    order = values.argsort(descending=True, stable=True)[: n + len(taken)].tolist()
    return [int(f) for f in order if values[f] > 0 and f not in taken][:n]


@torch.inference_mode()
def promotion(lm: LanguageModel, with_trait: Sequence[int], without: Sequence[int]) -> Tensor:
    """float32 [d_model]: its product with a direction is how much more the direction adds to the
    mean logit of the tokens `with_trait` than to that of `without`, up to one positive factor.
    """
    found = []
    for rows in torch.eye(lm.d_model, device=lm.device).split(AT_ONCE):
        effect = lm.unembed_direction(rows)
        found.append(effect[:, list(with_trait)].mean(1) - effect[:, list(without)].mean(1))
    return torch.cat(found)


def first_tokens(answers: Sequence[Answer]) -> list[int]:
    """The distinct tokens that they begin with, ascending."""
    return sorted({answer.token_ids[0] for answer in answers if answer.token_ids})
