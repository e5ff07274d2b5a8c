"""The paper's procedure (§4) from prompts to the feature of a trait,
and the arms that it must beat.

1. v_l: the residual after layer l at the last function token of the trait prompt (not a
   difference).
2. Layer: v_l is added at the last function token of every contrast prompt; the layer with the
   highest share of answers that show the trait wins (ties go to the shallower).
3. Features that fire on v_l are sorted by activation. S_k are the k strongest. v^S = α·Σ W_dec[i],
   i in S_k. Bisection finds a k for which v^S induces the trait while k - 1 does not; the k-th is
   the trait's feature. The paper does not say what α was, what counts as inducing, or how a share
   that does not grow with k
   is searched: here α comes from a list, inducing is a share of the contrast prompts, and bisection
   gives *a* boundary, which is the smallest k when the share grows with k.
4. The feature alone is added at the α of the same list that does best on the contrast prompts.
5. Arms are judged on test prompts, which nothing was chosen on.

Everything edits one position of the prompt, its last function token, and answers are greedy.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from threading import Event
from typing import TypeVar

from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past
from backend.core.sae import Sae
from backend.core.steering.answers import Answer, answers, batches
from backend.core.steering.arms import At, adding, norm_ratio, other_feature
from backend.core.steering.contrast import difference_of_means
from backend.core.steering.spots import residuals_at, rows_at
from backend.core.steering.trait_rows import (
    MULTIPLES,
    ArmJudged,
    Finding,
    LayerTried,
    Progress,
    SetTried,
    Share,
    Spot,
    Stage,
    StrengthTried,
    Trait,
)

T = TypeVar("T")
Asking = Generator[Progress, None, T]  # asks the model, telling its progress, and returns


class TraitSearch:
    """One search. Iterate `steps` (each step is one batch of answers);
    `finding` holds the result.
    """

    def __init__(
        self,
        lm: LanguageModel,
        saes: Sequence[Sae],
        trait: Trait,
        *,
        past: Callable[[], Past | None] = lambda: None,
    ) -> None:
        """ValueError without SAEs or prompts, or for an SAE that cannot be steered with.

        `past`: a prefix of all the prompts, asked for when it is needed: it may have to be run.
        """
        if not saes or not trait.contrast or not trait.test:
            raise ValueError("Needed: at least one SAE, one contrast prompt and one test prompt.")
        self.lm, self.trait, self.stop, self.past = lm, trait, Event(), past
        self.saes = sorted(saes, key=lambda sae: sae.layer)
        self.finding = Finding()
        self.done = 0
        self.most = 0

    def steps(self, stop: Event | None = None) -> Iterator[Progress]:
        """The whole procedure; ends early when `stop` is set."""
        self.stop = stop or self.stop
        n_alphas = len(self.trait.alphas or MULTIPLES)
        self.most = self._batches(len(self.saes) + n_alphas * (1 + 7) + n_alphas, 6)
        held = residuals_at(
            self.lm, self.trait.trait, [sae.layer for sae in self.saes], self.past()
        )
        yield from self._choose_layer(held)
        if self.stop.is_set():
            return
        sae = self._winner()
        order, strengths = _by_activation(sae, held[sae.layer])
        if order:
            yield from self._search_features(sae, order, self._alphas(strengths))
            if self.finding.k is not None and not self.stop.is_set():
                yield from self._choose_strength(sae, order, strengths)
        if not self.stop.is_set():
            yield from self._judge(sae, order, held[sae.layer])

    # -- the procedure ----------------------------------------------------------------------

    def _choose_layer(self, held: dict[int, Tensor]) -> Iterator[Progress]:
        for sae in self.saes:
            found = yield from self._ask(
                "layers", self.trait.contrast, adding(sae.layer, held[sae.layer], 1.0)
            )
            if found is None:
                return
            tried = LayerTried(
                sae.sae_id, sae.layer, found[0], len(_by_activation(sae, held[sae.layer])[0])
            )
            self.finding.layers.append(tried)
            yield self._progress("layers", layer=tried)

    def _winner(self) -> Sae:
        # the first of equals
        best = max(self.finding.layers, key=lambda tried: tried.success.successes)
        self.finding.sae_id, self.finding.layer = best.sae_id, best.layer
        return next(sae for sae in self.saes if sae.sae_id == best.sae_id)

    def _alphas(self, strengths: Sequence[float]) -> tuple[float, ...]:
        return self.trait.alphas or tuple(multiple * strengths[0] for multiple in MULTIPLES)

    def _search_features(
        self, sae: Sae, order: Sequence[int], alphas: Sequence[float]
    ) -> Iterator[Progress]:
        """The first α at which all features, or some k of them, induce the trait;
        then the boundary.
        """
        rows = sae.decoder_rows(order).float()
        for alpha in alphas:
            high = yield from self._first_inducing(sae.layer, rows, alpha)
            if high is None:
                continue
            low = 0  # nothing added never counts as inducing
            while high - low > 1:
                middle = (low + high) // 2
                induced = yield from self._try(sae.layer, rows, alpha, middle)
                if induced is None:
                    return
                low, high = (low, middle) if induced else (middle, high)
            self.finding.alpha, self.finding.k = alpha, high
            self.finding.feature_index = order[high - 1]
            return

    def _first_inducing(self, layer: int, rows: Tensor, alpha: float) -> Asking[int | None]:
        """A k that induces the trait, to bisect below: all features, or else halves of them."""
        k = len(rows)
        while k >= 1:
            induced = yield from self._try(layer, rows, alpha, k)
            if induced or induced is None:
                return k if induced else None
            k //= 2
        return None

    def _try(self, layer: int, rows: Tensor, alpha: float, k: int) -> Asking[bool | None]:
        """Whether the k strongest induce the trait; None when stopped."""
        known = [one for one in self.finding.trials if (one.alpha, one.k) == (alpha, k)]
        if not known:
            found = yield from self._ask(
                "features", self.trait.contrast, adding(layer, rows[:k].sum(0), alpha)
            )
            if found is None:
                return None
            known = [SetTried(alpha, k, found[0])]
            self.finding.trials.append(known[0])
            yield self._progress("features", trial=known[0])
        return known[0].success.share >= self.trait.induces

    def _choose_strength(
        self, sae: Sae, order: Sequence[int], strengths: Sequence[float]
    ) -> Iterator[Progress]:
        """The α of the list at which the feature alone does best on the contrast prompts."""
        assert self.finding.k is not None
        place = self.finding.k - 1
        self.finding.feature_activation = strengths[place]
        direction = sae.decoder_rows([order[place]])[0].float()
        for alpha in self._alphas(strengths):
            found = yield from self._ask(
                "strength", self.trait.contrast, adding(sae.layer, direction, alpha)
            )
            if found is None:
                return
            self.finding.strengths.append(StrengthTried(alpha, found[0]))
            yield self._progress("strength", strength=self.finding.strengths[-1])
        # the first of equals
        best = max(self.finding.strengths, key=lambda tried: tried.success.successes)
        self.finding.feature_alpha = best.alpha

    def _judge(self, sae: Sae, order: Sequence[int], held: Tensor) -> Iterator[Progress]:
        """Every arm on the test prompts."""
        found = self.finding
        arms: list[tuple[str, list[Spot], At | None]] = [("none", self.trait.test, None)]
        if found.k is not None and found.alpha is not None and found.feature_alpha is not None:
            one = order[found.k - 1]
            rows = sae.decoder_rows(order[: found.k]).float()
            own = sae.decoder_rows([one])[0].float()
            drawn = other_feature(sae.d_sae, one, self.trait.seed)
            other = sae.decoder_rows([drawn])[0].float()
            other = other * norm_ratio(own, other)
            arms += [
                ("features", self.trait.test, adding(sae.layer, rows.sum(0), found.alpha)),
                ("feature", self.trait.test, adding(sae.layer, own, found.feature_alpha)),
                ("random_feature", self.trait.test, adding(sae.layer, other, found.feature_alpha)),
            ]
        difference = self._difference_of_means(sae.layer, held)
        if difference is None:
            return
        arms.append(("difference_of_means", self.trait.test, adding(sae.layer, difference, 1.0)))
        if self.trait.asking_test:
            arms.append(("asking", self.trait.asking_test, None))
        for name, prompts, edit in arms:
            asked = yield from self._ask("arms", prompts, edit)
            if asked is None:
                return
            self.finding.arms.append(
                ArmJudged(name, asked[0], [answer.text for answer in asked[1]])
            )
            yield self._progress("arms", arm=self.finding.arms[-1])

    def _difference_of_means(self, layer: int, held: Tensor) -> Tensor | None:
        """Mean residual with the instruction minus without it;
        without one, the trait prompt minus the mean.

        None when stopped.
        """
        without = rows_at(self.lm, self.trait.contrast, layer, self.stop, self.past())
        asked = self.trait.asking_contrast
        with_it = rows_at(self.lm, asked, layer, self.stop, self.past()) if asked else held[None]
        if without is None or with_it is None:
            return None
        return difference_of_means(with_it, without)

    # -- asking ------------------------------------------------------------------------------

    def _ask(
        self, stage: Stage, prompts: Sequence[Spot], edit: At | None
    ) -> Asking[tuple[Share, list[Answer]] | None]:
        """All prompts with the edit at each one's position; None when stopped half-way."""
        edits = [[edit(spot.position)] if edit else [] for spot in prompts]
        ids = [spot.token_ids for spot in prompts]
        made: list[Answer] = []
        limit, until, past = self.trait.max_new_tokens, self.trait.until, self.past()
        for batch in answers(
            self.lm, ids, edits, max_new_tokens=limit, until=until, past=past, stop=self.stop
        ):
            made += batch
            self.done += 1
            if len(made) < len(prompts):
                yield self._progress(stage)
        if len(made) < len(prompts):
            return None
        shown = sum(self.trait.success.shown(answer.token_ids, answer.text) for answer in made)
        return Share(shown, len(prompts)), made

    def _progress(
        self,
        stage: Stage,
        *,
        layer: LayerTried | None = None,
        trial: SetTried | None = None,
        strength: StrengthTried | None = None,
        arm: ArmJudged | None = None,
    ) -> Progress:
        return Progress(stage, self.done, max(self.most, self.done), layer, trial, strength, arm)

    def _batches(self, contrast_asks: int, test_asks: int) -> int:
        past, parts = self.past(), (self.trait.contrast, self.trait.test)
        contrast, test = (
            sum(1 for _ in batches([spot.token_ids for spot in part], past)) for part in parts
        )
        return contrast_asks * contrast + test_asks * test


def _by_activation(sae: Sae, resid: Tensor) -> tuple[list[int], list[float]]:
    """Features that fire on one residual [d_model], strongest first, with their activations."""
    firings = sae.encode(resid[None])
    order = firings.activation.argsort(descending=True, stable=True)
    return firings.feature_index[order].tolist(), firings.activation[order].tolist()
