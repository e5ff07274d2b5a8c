"""What the store answers with: one frozen row type per query."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.core.duckdb_errors import StrayLog, holder


class StoreError(Exception):
    """A build cannot be served; the message names the file and the remedy."""


class StoreMissing(StoreError):
    """There is no build at the path."""


class StoreInvalid(StoreError):
    """The file is not a build, is damaged, or has another schema version."""


class StoreHeld(StoreInvalid):
    """A program that may write to the file holds it open: it may be whole, and cannot be looked at
    now.
    """


def unreadable(path: Path, what: str, error: Exception, remedy: str) -> StoreInvalid:
    """Why DuckDB cannot read `path`, in one sentence: a file that somebody may be writing to need
    not be made again.
    """
    held_by = holder(error)
    if held_by is not None:
        return StoreHeld(
            f"{path} is held open by a program that may write to it ({held_by}): end it, or let "
            "it close the file, "
            "then ask again."
        )
    if isinstance(error, StrayLog):
        return StoreHeld(str(error))
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return StoreInvalid(f"{path} is not a whole {what} ({reason}): {remedy}")


@dataclass(frozen=True)
class SaeRow:
    sae_id: str
    layer: int
    d_sae: int
    l0: float  # firings per non-special corpus position
    n_active: int  # features with any firing at theta = 0
    hook_name: str
    d_model: int
    architecture: str
    n_edges: int
    n_firings: int
    theta_grid: tuple[float, ...]  # thresholds that coverage can be asked for
    theta_quantiles: tuple[float, ...]  # the activation quantile each was taken from


@dataclass(frozen=True)
class TokenRow:
    token_id: int
    text: str
    token_class: str  # function, content, special
    occurrences: int
    documents: int
    document_coverage: float  # documents / all documents
    rank: int | None  # None for special tokens
    share: float  # occurrences / all non-special occurrences
    cumulative: float | None


@dataclass(frozen=True)
class EdgeRow:
    feature_index: int
    n_firings: int  # exact
    act_mean: float  # within 2.2 %, as act_max (edge_codec)
    act_max: float

    @property
    def act_sum(self) -> float:
        """Sum over the firings, to the precision of act_mean."""
        return self.act_mean * self.n_firings


@dataclass(frozen=True)
class CoverageRow:
    rank: int
    token_id: int
    text: str
    token_class: str
    occurrences: int
    degree: int
    new_features: int
    covered: int
    coverage: float  # covered / the denominator
    low: float | None  # 95 % document-shard bootstrap; for order "random" the range of all draws
    high: float | None
    mean: float | None = None  # order "random" only: mean coverage of all draws at this rank


@dataclass(frozen=True)
class Contrast:
    """The k most frequent tokens against content at the same number of occurrences;
    shares of active features.
    """

    k: int
    is_function_cut: bool
    occurrences: int
    coverage: float
    interval: tuple[float, float]
    # expectation for content positions drawn one by one; None: too few of them
    content_coverage: float | None
    content_interval: tuple[float, float] | None
    difference_interval: tuple[float, float] | None
    whole_tokens_mean: float | None  # whole content tokens drawn at random instead
    whole_tokens_range: tuple[float, float] | None
    content_tokens: float | None  # mean number of distinct tokens in those draws


@dataclass(frozen=True)
class FeatureRow:
    sae_id: str
    feature_index: int
    n_firings: int
    density: float  # n_firings / non-special corpus positions
    n_tokens: int
    mean_activation: float | None  # None: it never fired in the corpus
    act_max: float
    act_q999: float | None  # +-1.6 %
    first_rank: int | None
    top_token_ids: list[int]  # by count
    top_by_strength: list[int]
    promoted_token_ids: list[int]
    suppressed_token_ids: list[int]


@dataclass(frozen=True)
class Example:
    token_ids: list[int]
    activations: list[float]  # one per token of token_ids, 0 = silent; within 2.2 %
    position: int  # index within token_ids of the strongest firing
    activation: float
    quantile: float | None  # None: chosen for its token, not for its strength
    source: str
    sequence_id: int
