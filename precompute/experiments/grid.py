"""The paper's Figure 7 on the lab model:
none, Chinese, UK, Russia and both pairs, by three kinds of question.

The features are chosen on trained phrasings, the cells are judged on held-out ones. A feature is a
candidate when its activation at the last position rises among the most where the prompt asks for
the trait ("Speak Chinese. …", "… in UK …"); of the candidates and strengths the one with most
successes on the trained phrasings is taken. Two features are added together, each after its own
layer. Every edit is at the last position of the prompt, its last function token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.answers import all_answers
from backend.core.steering.arms import adding, norm_ratio
from backend.core.steering.contrast import difference_of_means, rise
from precompute.experiments.grid_prompts import COUNTRIES, KINDS, Cell, GridPrompt, prompts
from precompute.experiments.result import Result
from precompute.experiments.subject import NEW_TOKENS, Subject
from precompute.lab.steering import CHINESE, last_content, last_resid

CANDIDATES = 6  # features per SAE
MULTIPLES = (2.0, 4.0, 8.0, 11.0, 16.0)  # of the feature's rise
RANDOM = 20  # features of the random control, which share the prompts
CELLS = (
    Cell("none", False, None),
    Cell("Chinese", True, None),
    Cell("UK", False, "UK"),
    Cell("Russia", False, "Russia"),
    Cell("Chinese+UK", True, "UK"),
    Cell("Chinese+Russia", True, "Russia"),
)
CONTROLS = {
    "feature": "{what} added at the last function token.",
    "content": "{what} added at the last content token instead.",
    "random": f"{{what}}, but along {RANDOM} random features of the same SAE and size, which "
    "share the prompts.",
    "flipped": "{what} subtracted.",
    "means": "The difference of means of each trait instead of a feature, at its own length.",
    "asking": "No edit: the prompt asks for it.",
}
OUTCOMES = {
    "success": (
        "share",
        "answers that show all traits of the arm; for none: the answer that the model was taught",
    ),
    "exact": (
        "share",
        "answers that are exactly the taught answer with the arm's traits, in the right language",
    ),
    "chinese": ("share", "answers with Han characters and no Latin letter"),
    "country": (
        "share",
        "answers that name the arm's country or something of it, in either language",
    ),
    "alpha": ("activation units", "strength of the chosen feature"),
    "feature_index": ("index", "the chosen feature"),
    "trained": (
        "share",
        "successes of the chosen feature on the trained phrasings that it was chosen on",
    ),
}


@dataclass(frozen=True)
class Pick:
    """A trait's feature and strength, and the trait's difference of means after the same layer."""

    trait: str
    sae: Sae
    feature_index: int
    alpha: float
    successes: int
    n: int
    difference: Tensor

    def vector(self, control: str, feature_index: int | None = None) -> Tensor:
        """float32 [d_model]: what an arm of that control adds."""
        if control == "means":
            return self.difference
        own: Tensor = self.sae.decoder_rows([self.feature_index])[0].float()
        if feature_index is not None:
            other: Tensor = self.sae.decoder_rows([feature_index])[0].float()
            return other * norm_ratio(own, other, self.alpha)
        return torch.mul(own, -self.alpha if control == "flipped" else self.alpha)


def run(subject: Subject) -> Result:
    """Choose a feature per trait, then every cell of the grid and its controls."""
    result = Result("grid", subject.seed, outcome=dict(OUTCOMES))
    trained = [p for kind in KINDS for p in prompts(kind, "train", subject.seed)[:14]]
    picks = {trait: choose(subject, trait, trained) for trait in ("Chinese", *COUNTRIES)}
    for trait, pick in picks.items():
        arm = f"{trait}: feature"
        result.arm[arm] = f"The feature chosen for {trait}: see outcomes feature_index and alpha."
        result.exact(
            arm, "feature_index", pick.feature_index, sae_id=pick.sae.sae_id, layer=pick.sae.layer
        )
        result.exact(arm, "alpha", pick.alpha, sae_id=pick.sae.sae_id, layer=pick.sae.layer)
        result.share(
            arm, "trained", pick.successes, pick.n, sae_id=pick.sae.sae_id, layer=pick.sae.layer
        )
    for cell in tqdm(CELLS, desc="grid"):
        traits = [picks[trait] for trait in cell.traits]
        for control in CONTROLS if traits else ("feature",):
            _judge(result, subject, cell, control, traits)
    result.finding = list(findings(result))
    return result


def _judge(
    result: Result, subject: Subject, cell: Cell, control: str, picks: Sequence[Pick]
) -> None:
    arm = cell.name if control == "feature" else f"{cell.name} · {control}"
    what = " and ".join(
        f"{p.alpha:.3g} × feature {p.feature_index} of {p.sae.sae_id}" for p in picks
    )
    result.arm[arm] = CONTROLS[control].format(what=what) if picks else "No intervention."
    for kind in KINDS:
        asked = prompts(kind, "held_out", subject.seed)
        texts = answer(subject, asked, cell, control, picks)
        _count(result, arm, kind, cell, asked, texts)
        if control == "feature":
            result.answer += [
                {
                    "arm": arm,
                    "subject": kind,
                    "prompt": p.text,
                    "text": text,
                    "success": p.shows(cell, text),
                }
                for p, text in zip(asked, texts, strict=True)
            ]


def answer(
    subject: Subject, asked: Sequence[GridPrompt], cell: Cell, control: str, picks: Sequence[Pick]
) -> list[str]:
    """Greedy answers of one arm, stripped."""
    texts = [p.asking(cell) if control == "asking" else p.text for p in asked]
    ids = [subject.lm.tokenize(text) for text in texts]
    content = last_content(subject.classes)
    edits: list[list[Intervention]] = []
    others: list[Sequence[int | None]] = [
        _others(subject, pick) if control == "random" else [None] for pick in picks
    ]
    for place, row in enumerate(ids):
        position = content(row) if control == "content" else len(row) - 1
        edits.append(
            [
                adding(pick.sae.layer, pick.vector(control, drawn[place % len(drawn)]), 1.0)(
                    position
                )
                for pick, drawn in zip(picks, others, strict=True)
                if control != "asking"
            ]
        )
    return [
        one.text.strip() for one in all_answers(subject.lm, ids, edits, max_new_tokens=NEW_TOKENS)
    ]


def _others(subject: Subject, pick: Pick) -> Sequence[int | None]:
    drawn = np.random.default_rng(subject.seed + pick.feature_index).permutation(pick.sae.d_sae)
    return [int(f) for f in drawn if f != pick.feature_index][:RANDOM]


def _count(
    result: Result,
    arm: str,
    kind: str,
    cell: Cell,
    asked: Sequence[GridPrompt],
    texts: Sequence[str],
) -> None:
    pairs = list(zip(asked, texts, strict=True))
    counts = {
        "success": sum(p.shows(cell, text) for p, text in pairs),
        "exact": sum(text == p.expected(cell) for p, text in pairs),
        "chinese": sum(CHINESE.shown((), text) for _, text in pairs),
    }
    if cell.country:
        counts["country"] = sum(p.names_country(cell.country, text) for p, text in pairs)
    for outcome, count in counts.items():
        result.share(arm, outcome, count, len(pairs), sae_id=None, layer=None, subject=kind)


def choose(subject: Subject, trait: str, trained: Sequence[GridPrompt]) -> Pick:
    """The feature and strength with most successes on the trained phrasings;
    ties go to the first tried.
    """
    cell = Cell(trait, trait == "Chinese", None if trait == "Chinese" else trait)
    usable = [p for p in trained if p.asking(cell) != p.text]
    layers = [sae.layer for sae in subject.saes]
    before = last_resid(subject.lm, [p.text for p in usable], layers)
    after = last_resid(subject.lm, [p.asking(cell) for p in usable], layers)
    best: Pick | None = None
    for sae in tqdm(subject.saes, desc=f"grid: choosing {trait}"):
        at = after[sae.layer], before[sae.layer]
        difference, rises = difference_of_means(*at), rise(sae, *at)
        for feature in rises.topk(CANDIDATES).indices.tolist():
            for multiple in MULTIPLES:
                pick = Pick(
                    trait,
                    sae,
                    feature,
                    multiple * float(rises[feature]),
                    0,
                    len(usable),
                    difference,
                )
                texts = answer(subject, usable, cell, "feature", [pick])
                successes = sum(p.shows(cell, text) for p, text in zip(usable, texts, strict=True))
                if best is None or successes > best.successes:
                    best = Pick(trait, sae, feature, pick.alpha, successes, len(usable), difference)
    assert best is not None  # there is a candidate in every SAE
    return best


def findings(result: Result) -> Iterator[str]:
    """Per cell, whether it works here:
    more successes than the random control, by intervals that do not overlap.
    """
    for cell in CELLS[1:]:
        works: list[str] = []
        fails: list[str] = []
        for kind in KINDS:
            own = result.value(cell.name, "success", None, kind)
            against = result.value(f"{cell.name} · random", "success", None, kind)
            exact = result.value(cell.name, "exact", None, kind)
            figures = (
                f"{kind} {100 * own['value']:.0f} % ({100 * exact['value']:.0f} % exactly the "
                f"taught answer; random features {100 * against['value']:.0f} %)"
            )
            (works if own["low"] > against["high"] else fails).append(figures)
        parts = [
            f"works for {', '.join(works)}" if works else "",
            f"not for {', '.join(fails)}" if fails else "",
        ]
        yield f"{cell.name}: {'; '.join(part for part in parts if part)} (n = {own['n']} each)."
    for row in (row for row in result.estimate if row["outcome"] == "trained"):
        trait, place = row["arm"].removesuffix(": feature"), row["sae_id"]
        feature = result.value(row["arm"], "feature_index", place)["value"]
        alpha = result.value(row["arm"], "alpha", place)["value"]
        successes = round(row["value"] * row["n"])
        yield (
            f"{trait}: of {CANDIDATES} candidates per SAE at {len(MULTIPLES)} strengths the best "
            f"on trained phrasings is feature {feature:.0f} of {place} at α = {alpha:.3g}, "
            f"{successes} of {row['n']}" + ("." if successes else ": none of them works.")
        )
