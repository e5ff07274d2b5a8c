"""Does the newline after a question hold what was asked about? The lab model's countries, one question each.

For each country the question "What is the capital of …?" is read once. A feature is the country's *own* at the
newline when it fires at the last token of its name and again at the question's final newline, and at no more than
`COMMON` of the other countries' newlines. The control asks the same of the name of the next country in the list.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.lab_questions import facts
from precompute.lab_steering import answers, rate

COMMON = 0.1
PAIR = ("Russia", "UK")


def countries() -> list[str]:
    """English names, in the order of facts.json."""
    return [fact.subject["en"][0] for fact in facts() if fact.relation == "capital" and fact.subject is not None]


def question(country: str) -> str:
    """The prompt of the paper's pair, of any country."""
    return f"What is the capital of {country}?\n"


def fires(lm: LanguageModel, sae: Sae, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Which features fire at the name's last token, and at the newline: two bool [country, d_sae]."""
    rows = []
    for name in names:
        resid = lm.resid_post([lm.tokenize(question(name))], [sae.layer])[sae.layer][0]
        rows.append(sae.encode_dense(resid[[-3, -1]]) > 0)  # a question mark stands between
    at_name, at_newline = torch.stack(rows).unbind(1)
    return at_name, at_newline


def own_again(at_name: Tensor, at_newline: Tensor) -> Tensor:
    """Bool [country, d_sae]: the country's own features at the newline. Both inputs are [country, d_sae]."""
    elsewhere = (at_newline.sum(0) - at_newline.long()) / (len(at_newline) - 1)
    return at_name & at_newline & (elsewhere <= COMMON)


def reactivation(lm: LanguageModel, saes: Sequence[Sae]) -> dict[str, Any]:
    """Per SAE the share of countries with a feature of their own at the newline, and the paper's pair."""
    names = countries()
    out: dict[str, Any] = {"countries": {}, "answers": {}, "pair": {}}
    out["answers"] = dict(zip(map(question, PAIR), answers(lm, [*map(question, PAIR)]), strict=True))
    first, second = (names.index(name) for name in PAIR)
    for sae in saes:
        at_name, at_newline = fires(lm, sae, names)
        own = own_again(at_name, at_newline)
        of_next = own_again(at_name.roll(-1, 0), at_newline)
        again = at_name & at_newline
        out["countries"][sae.sae_id] = {
            "own": rate(int(own.any(1).sum()), len(names)),
            "of the next country": rate(int(of_next.any(1).sum()), len(names)),
        }
        out["pair"][sae.sae_id] = {
            "first": _indices(again[first] & ~again[second]),
            "second": _indices(again[second] & ~again[first]),
            "both": _indices(again[first] & again[second]),
            "own of first": _indices(own[first]),
            "own of second": _indices(own[second]),
        }
    return out


def _indices(mask: Tensor) -> list[int]:
    return [int(i) for i in mask.nonzero()[:, 0]]
