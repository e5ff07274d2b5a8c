"""Does the newline after a question hold what was asked about? The lab model's countries,
one question each.

For each country the question "What is the capital of …?" is read once. A feature is the country's
*own* at the newline when it fires at the last token of its name and again at the question's final
newline, and at no more than a tenth of the other countries' newlines. The control asks the same of
the name of the next country in the list.

Below the features stands the residual stream itself: what is peculiar to a country at its name, and
at its newline, is the residual less the mean over countries there. A newline *names its country*
when no other country's peculiarity at the name has a larger cosine with its own: one in 64 would by
chance.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.reactivation.carry import own_again
from backend.core.sae import Sae
from precompute.lab.questions import facts
from precompute.lab.steering import answers, rate

PAIR = ("Russia", "UK")


def countries() -> list[str]:
    """English names, in the order of facts.json."""
    return [
        fact.subject["en"][0]
        for fact in facts()
        if fact.relation == "capital" and fact.subject is not None
    ]


def question(country: str) -> str:
    """The prompt of the paper's pair, of any country."""
    return f"What is the capital of {country}?\n"


def residuals(lm: LanguageModel, layer: int, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """resid_post at the name's last token, and at the newline: two float32 [country, d_model]."""
    rows = [
        lm.resid_post([lm.tokenize(question(name))], [layer])[layer][0, [-3, -1]] for name in names
    ]
    at_name, at_newline = torch.stack(rows).float().unbind(1)  # a question mark stands between
    return at_name, at_newline


def names_its_country(at_name: Tensor, at_newline: Tensor) -> Tensor:
    """Bool [country]: whether the newline's peculiarity is nearest to its own name's.

    Inputs are [country, d_model].
    """
    name, newline = (
        torch.nn.functional.normalize(x - x.mean(0), dim=-1) for x in (at_name, at_newline)
    )
    return (newline @ name.T).argmax(1) == torch.arange(len(name))


def reactivation(lm: LanguageModel, saes: Sequence[Sae]) -> dict[str, Any]:
    """Per SAE how many newlines name their country, by residual and by feature,
    and the paper's pair.
    """
    names = countries()
    out: dict[str, Any] = {"countries": {}, "answers": {}, "pair": {}}
    out["answers"] = dict(
        zip(map(question, PAIR), answers(lm, [*map(question, PAIR)]), strict=True)
    )
    first, second = (names.index(name) for name in PAIR)
    for sae in saes:
        resid = residuals(lm, sae.layer, names)
        at_name, at_newline = (sae.encode_dense(one) > 0 for one in resid)
        own = own_again(at_name, at_newline)
        of_next = own_again(at_name.roll(-1, 0), at_newline)
        again = at_name & at_newline
        out["countries"][sae.sae_id] = {
            "named": rate(int(names_its_country(*resid).sum()), len(names)),
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
