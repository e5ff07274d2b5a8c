"""Claims that the companion `statistics` measures:
spread, degree laws, controls and null models.
"""

from __future__ import annotations

from typing import Any

from backend.core.claims.measures import SHARDS, TABLE_1, Measure, Sources, claimed_sae, n_shards
from backend.core.claims.rules import Figure, Measured, NotTested

KIND = "statistics"
_SPREAD = "SELECT mean_evenness, low, high, n_tokens FROM group_spread WHERE token_group = ?"
_ALTERNATIVE = """
SELECT a.ratio, a.p_value, f.n_tail, f.alpha FROM degree_alternative a
JOIN degree_fit f USING (sae_id, side) WHERE a.sae_id = ? AND a.side = ? AND a.alternative = ?
"""
_SLOPE = (
    "SELECT slope, low, high, n, r2 FROM slope WHERE name = ? AND sae_id IS NOT DISTINCT FROM ?"
)
_PERMUTATION = """
SELECT observed, null_low, null_high, n_labelled, n_permutations
FROM label_permutation WHERE sae_id = ? AND label = ?
"""
_NULL = (
    "SELECT coverage, coverage_low, coverage_high FROM null_contrast WHERE run = ? AND "
    "sae_id = ? AND k = ?"
)
_NULL_RUN = "SELECT positions, len(shards) FROM null_run WHERE run = ?"
_KIND = (
    "SELECT at_common, common_low, common_high, common_n FROM kind_summary WHERE sae_id = ? "
    "AND token_group = ?"
)


def _row(sources: Sources, statement: str, parameters: list[Any], what: str) -> tuple[Any, ...]:
    """The one row of a query; NotTested naming what the results lack."""
    rows = sources.companion(KIND).query(statement, parameters)
    if not rows:
        raise NotTested(f"the statistics of this build hold no {what}")
    row: tuple[Any, ...] = rows[0]
    return row


def _difference(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> tuple[float, tuple[float, float]]:
    """Difference of two (value, low, high), with the interval that both intervals allow."""
    return one[0] - other[0], (one[1] - other[2], one[2] - other[1])


def evenness(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Mean evenness over documents of function tokens less that of content tokens as
    frequent as the rule says.
    """
    function = _row(sources, _SPREAD, ["function"], "spread over documents")
    content = _row(sources, _SPREAD, ["content"], "spread over documents")
    value, interval = _difference(function[:3], content[:3])
    return Measured(
        value,
        interval,
        function[3] + content[3],
        "tokens",
        "the corpus",
        Figure("coverage", "documents"),
        f"content tokens (n = {content[3]:,}) have a mean evenness of",
        content[0],
        content[1:3],
        control_unit="ratio",
    )


def power_law(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Normalised log-likelihood ratio of a power law against another law,
    on the tail of a degree distribution.

    The ratio divided by its standard error is standard normal when neither law is better (Vuong).
    """
    sae = claimed_sae(sources.store(), parameters)
    other = parameters["alternative"]
    ratio, p_value, n_tail, alpha = _row(
        sources, _ALTERNATIVE, [sae.sae_id, parameters["side"], other], "fit of the degrees"
    )
    return Measured(
        ratio,
        (ratio - 1.96, ratio + 1.96),
        n_tail,
        f"{parameters['side']}s in the tail",
        sae.sae_id,
        Figure("coverage", "laws", {"sae": sae.sae_id, **TABLE_1}),
        f"p = {p_value:.2g} that the sign is chance; the power law's exponent is",
        alpha,
        control_unit="number",
    )


def slope(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Least-squares slope on two logarithms: of `zipf` or of `degree` by occurrences."""
    name = parameters["name"]
    sae_id = None if name == "zipf" else claimed_sae(sources.store(), parameters).sae_id
    value, low, high, n, r2 = _row(sources, _SLOPE, [name, sae_id], f"{name} slope")
    figure = Figure("coverage", "zipf")
    if sae_id:
        figure = Figure("coverage", "degree", {"sae": sae_id, **TABLE_1})
    return Measured(
        value,
        (low, high),
        n,
        "tokens",
        sae_id or "the corpus",
        figure,
        "R² of the straight line:",
        r2,
        control_unit="number",
    )


def beyond_permuted_labels(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Mean log2 degree of a class less that of others as frequent,
    above what permuted labels give.
    """
    sae = claimed_sae(sources.store(), parameters)
    observed, low, high, n, permutations = _row(
        sources, _PERMUTATION, [sae.sae_id, parameters["label"]], "permutation of labels"
    )
    return Measured(
        observed - (low + high) / 2,
        (observed - high, observed - low),
        n,
        f"{parameters['label'].replace('_', '-')} tokens with others as frequent, "
        f"{permutations:,} permutations",
        sae.sae_id,
        Figure("coverage", "kinds", {"sae": sae.sae_id, **TABLE_1}),
        "as factors of the degree, the class has",
        float(2**observed),
        control_unit="ratio",
    )


def beyond_null_model(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Coverage of the k most frequent tokens,
    real model less null model on the same document shards.
    """
    sae = claimed_sae(sources.store(), parameters)
    run, k = parameters["run"], int(parameters["k"])
    positions, shards = _row(sources, _NULL_RUN, [run], f"null model {run}")
    real = _row(sources, _NULL, ["real", sae.sae_id, k], f"null model {run}")
    null = _row(sources, _NULL, [run, sae.sae_id, k], f"null model {run}")
    value, interval = _difference(real[:3], null[:3])
    return Measured(
        value,
        interval,
        shards,
        f"{SHARDS} ({positions:,} positions)",
        sae.sae_id,
        Figure("coverage", "nulls", {"sae": sae.sae_id, **TABLE_1}),
        f"{run.replace('_', ' ')} reaches",
        null[0],
        (null[1], null[2]),
    )


def beyond_content_at_opening(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Coverage of the k most frequent tokens less that of as many content occurrences, at the
    setting that the build opens Coverage on: a stated rule chose it, so that no curve is full.

    Interval: that of the k tokens' coverage, over resampled document shards; what the content
    occurrences reach is an expectation, without an interval at more than one firing.
    """
    store, k = sources.store(), int(parameters["k"])
    opening = store.provenance().get("coverage_opening")
    if opening is None:
        raise NotTested("this build opens on θ 0 and one firing, and has no setting of its own")
    sae = claimed_sae(store, parameters)
    theta, min_count = sae.theta_grid[opening["theta_ordinal"]], opening["min_count"]
    rows = sources.companion(KIND).equal_occurrence(sae.sae_id, opening["theta_ordinal"], min_count)
    row = next((one for one in rows if (one.k, one.cut, one.others) == (k, None, "content")), None)
    if row is None or row.other_coverage is None:
        raise NotTested(
            f"the statistics hold no comparison of {k} tokens with content tokens at θ {theta:g} "
            f"and {min_count} firings"
        )
    shown = {"sae": sae.sae_id, "theta": f"{theta:g}", "min_count": str(min_count)}
    other = row.other_coverage
    return Measured(
        row.coverage - other,
        (row.low - other, row.high - other),
        n_shards(store),
        SHARDS,
        f"{sae.sae_id}, an edge being {min_count} firings above {theta:g}",
        Figure("coverage", "equal", shown),
        f"as many content occurrences ({row.occurrences:,}) reach",
        other,
    )


def beyond_tokens_at_rate(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Coverage of the k most frequent tokens less that of k content tokens, an edge being a rate.

    Interval: that of the k tokens (document shards resampled) and the range of the draws, both.
    """
    store, k, rate = sources.store(), int(parameters["k"]), float(parameters["min_rate"])
    sae = claimed_sae(store, parameters)
    rows = sources.companion(KIND).rate_contrasts(sae.sae_id)
    row = next((one for one in rows if (one.k, one.min_rate) == (k, rate)), None)
    if row is None or row.others_mean is None:
        raise NotTested(
            f"the statistics hold no comparison of {k} tokens with content tokens at a rate of "
            f"{100 * rate:g} %"
        )
    others = (row.others_mean, row.others_low, row.others_high)
    value, interval = _difference((row.coverage, row.low, row.high), others)
    return Measured(
        value,
        interval,
        row.n_draws,
        f"draws of {k} among {row.n_others:,} content tokens",
        f"{sae.sae_id}, an edge being {100 * rate:g} % of a token's occurrences",
        Figure("coverage", "rates", {"sae": sae.sae_id}),
        f"{k} content tokens reach",
        row.others_mean,
        others[1:],
    )


def kind_beyond_kind(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Coverage of one kind of tokens less another's at the same number of positions."""
    sae = claimed_sae(sources.store(), parameters)
    one = _row(sources, _KIND, [sae.sae_id, parameters["kind"]], f"kind {parameters['kind']}")
    other = _row(sources, _KIND, [sae.sae_id, parameters["other"]], f"kind {parameters['other']}")
    value, interval = _difference(one[:3], other[:3])
    return Measured(
        value,
        interval,
        n_shards(sources.store()),
        f"{SHARDS}, {one[3]:,} positions of each kind",
        sae.sae_id,
        Figure("coverage", "kinds", {"sae": sae.sae_id, **TABLE_1}),
        f"{parameters['other'].replace('_', ' ')} reaches",
        other[0],
        (other[1], other[2]),
    )


STATISTICS_MEASURES: dict[str, Measure] = {
    "evenness": evenness,
    "power_law": power_law,
    "slope": slope,
    "beyond_permuted_labels": beyond_permuted_labels,
    "beyond_null_model": beyond_null_model,
    "beyond_content_at_opening": beyond_content_at_opening,
    "beyond_tokens_at_rate": beyond_tokens_at_rate,
    "kind_beyond_kind": kind_beyond_kind,
}
