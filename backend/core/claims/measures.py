"""What each claim measures on the build itself: named functions from the sources to a number.

A measure raises NotTested for what the build lacks. Shallow, middle and deep name the SAEs whose
layers lie nearest to the paper's layers 9, 20 and 31 of 42, as shares of the depth.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.core.claims.rules import Figure, Measured, NotTested
from backend.core.store import Store, StoreError
from backend.core.store.base import SaeRow
from backend.core.store.coverage import Contrast

TABLE_1 = {"theta": "0", "min_count": "1"}  # the paper's setting; a page may open on another
PAPER_DEPTHS = {"shallow": 10 / 42, "middle": 21 / 42, "deep": 32 / 42}
SHARDS = "document shards"
PAPER_TOKENS = Path(__file__).with_name("paper_tokens.toml")
FEWEST = 8  # subjects or prompts that an interval over them is drawn from


@dataclass(frozen=True)
class Sources:
    """Where measures read from; each is opened when a measure asks for it,
    and may raise StoreError.
    """

    build: Callable[[], Store]
    companions: dict[str, Callable[[], Any]]

    def store(self) -> Store:
        """The build; NotTested without one."""
        store: Store = _opened(self.build)
        return store

    def companion(self, kind: str) -> Any:
        """The build's result file of that kind;
        NotTested, with the command that makes it, without one.
        """
        if kind not in self.companions:
            raise NotTested(f"this program reads no {kind} results")
        return _opened(self.companions[kind])


def _opened(opening: Callable[[], Any]) -> Any:
    try:
        return opening()
    except StoreError as error:
        raise NotTested(str(error)) from error


Measure = Callable[[Sources, dict[str, Any]], Measured]


def depth_sae(store: Store, depth: str) -> SaeRow:
    """The SAE nearest to the paper's shallow, middle or deep layer;
    NotTested when two depths share one.
    """
    n_layers = int(store.provenance()["model"]["n_layers"])
    rows = store.saes()
    nearest = {
        name: min(rows, key=lambda row: abs((row.layer + 1) / n_layers - share))
        for name, share in PAPER_DEPTHS.items()
    }
    if len({row.sae_id for row in nearest.values()}) < len(nearest):
        raise NotTested("needs SAEs at three depths: shallow, middle and deep")
    return nearest[depth]


def require_enough(n: int, noun: str) -> None:
    """NotTested for so few that drawing from them again says nothing of others."""
    if n < FEWEST:
        raise NotTested(
            f"of {n} {noun} no interval can be drawn, of {FEWEST} one can: give the task file more "
            "subjects"
        )


def claimed_sae(store: Store, parameters: dict[str, Any]) -> SaeRow:
    """The SAE that `sae_id` names, where a claim is asked of each; else the one at `depth`."""
    asked = parameters.get("sae_id")
    if asked is None:
        return depth_sae(store, parameters["depth"])
    return next(row for row in store.saes() if row.sae_id == asked)


def contrast_at(store: Store, sae_id: str, k: int | None) -> Contrast:
    """The equal-occurrence comparison at k, or of the function class (k = None); NotTested where
    the build did not make it.
    """
    try:
        return store.coverage_contrast(sae_id, k)
    except ValueError as error:
        raise NotTested(str(error)) from error


def n_shards(store: Store) -> int:
    return int(store.provenance()["job"]["n_shards"])


def coverage_of_first(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Share of one depth's active features that the k most frequent tokens reach; without a k, the
    function class.
    """
    store, k = sources.store(), parameters.get("k")
    sae = claimed_sae(store, parameters)
    contrast = contrast_at(store, sae.sae_id, k)
    return Measured(
        contrast.coverage,
        contrast.interval,
        n_shards(store),
        SHARDS,
        sae.sae_id,
        Figure("coverage", "curve", {"sae": sae.sae_id, **TABLE_1}),
        f"as many occurrences ({contrast.occurrences:,}) drawn from content tokens reach",
        contrast.content_coverage,
        contrast.content_interval,
    )


def coverage_beyond_content(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Coverage of the k most frequent tokens less that of as many content
    occurrences, in points.
    """
    store, k = sources.store(), int(parameters["k"])
    sae = claimed_sae(store, parameters)
    contrast = contrast_at(store, sae.sae_id, k)
    if contrast.content_coverage is None or contrast.difference_interval is None:
        raise NotTested(
            f"content tokens have fewer than {contrast.occurrences:,} occurrences in this corpus"
        )
    return Measured(
        contrast.coverage - contrast.content_coverage,
        contrast.difference_interval,
        n_shards(store),
        SHARDS,
        sae.sae_id,
        Figure("coverage", "equal", {"sae": sae.sae_id, **TABLE_1}),
        "content tokens, the same number of occurrences, reach",
        contrast.content_coverage,
        contrast.content_interval,
    )


def middle_beyond_others(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Coverage of the k most frequent tokens at the middle depth less the highest of any other
    layer of the build.

    Interval: the two layers' bootstrap intervals against each other, wider than a paired one would
    be.
    """
    store, k = sources.store(), int(parameters["k"])
    sae = depth_sae(store, "middle")
    middle = contrast_at(store, sae.sae_id, k)
    others = {
        row.sae_id: contrast_at(store, row.sae_id, k)
        for row in store.saes()
        if row.layer != sae.layer
    }
    rival, other = max(others.items(), key=lambda one: one[1].coverage)
    return Measured(
        middle.coverage - other.coverage,
        (middle.interval[0] - other.interval[1], middle.interval[1] - other.interval[0]),
        n_shards(store),
        SHARDS,
        f"{sae.sae_id} and {rival}",
        Figure("coverage", "curve", {"sae": sae.sae_id, **TABLE_1}),
        f"the highest coverage of all other layers of this build, after {rival}, is",
        other.coverage,
        other.interval,
    )


def reachable_features(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Smallest share, over the SAEs of the build, of the dictionary that any token reaches."""
    store = sources.store()
    worst = min(store.saes(), key=lambda row: row.n_active / row.d_sae)
    positions = int(store.provenance()["counts"]["positions"])
    return Measured(
        worst.n_active / worst.d_sae,
        None,
        positions,
        "corpus positions",
        worst.sae_id,
        Figure("coverage", "curve", {"sae": worst.sae_id, **TABLE_1, "denominator": "dictionary"}),
        "features in the dictionary:",
        float(worst.d_sae),
        control_unit="number",
    )


def function_vocabulary(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Function tokens as a share of the distinct tokens that occur in the corpus."""
    store = sources.store()
    n_function = store.tokens(token_class="function", limit=1)[1]
    seen = sum(row.occurrences > 0 for row in store.tokens(limit=10**9)[0] if row.rank is not None)
    cut = float(store.provenance()["job"]["function_share"])
    return Measured(
        n_function / seen,
        None,
        seen,
        "distinct tokens",
        "the corpus",
        Figure("coverage", "cuts"),
        f"tokens that make {100 * cut:.0f} % of the occurrences:",
        float(n_function),
        control_unit="number",
    )


def first_documents(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Mean share of the documents that contain each of the k most frequent tokens."""
    store, k = sources.store(), int(parameters["k"])
    rows = store.tokens(limit=k)[0]
    documents = int(store.provenance()["counts"]["documents"])
    coverages = sorted(row.document_coverage for row in rows)
    return Measured(
        sum(coverages) / len(coverages),
        None,
        documents,
        "documents",
        "the corpus",
        Figure("coverage", "documents"),
        "the least widespread of them is in",
        coverages[0],
    )


def paper_tokens(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Share of the tokens that the paper lists, by spelling, that are in this build's class."""
    listed = tomllib.loads(PAPER_TOKENS.read_text("utf-8"))
    rows = sources.store().tokens(token_class="function", limit=10**6)[0]
    here = {row.text for row in rows}
    common = here.intersection(listed["spelled"])
    return Measured(
        len(common) / len(listed["spelled"]),
        None,
        len(listed["spelled"]),
        f"of the paper's {listed['printed']} tokens, those whose spelling is certain",
        "the corpus",
        Figure("coverage", "cuts"),
        f"of this build's {len(here):,} function tokens, on the paper's list:",
        len(common) / len(here),
    )


BUILD_MEASURES: dict[str, Measure] = {
    "coverage_of_first": coverage_of_first,
    "coverage_beyond_content": coverage_beyond_content,
    "middle_beyond_others": middle_beyond_others,
    "reachable_features": reachable_features,
    "function_vocabulary": function_vocabulary,
    "first_documents": first_documents,
    "paper_tokens": paper_tokens,
}
