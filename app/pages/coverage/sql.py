"""What a panel shows as SQL on the build's file: the tables of core/store/schema.sql."""

from __future__ import annotations


def _text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def on_build(file: str, query: str) -> str:
    """The query, for a `duckdb` that is started in the folder of the build's file."""
    return f"ATTACH {_text(file)} AS build (READ_ONLY);\nUSE build;\n\n{query};"


def coverage_sql(
    sae_id: str, theta_ordinal: int, min_count: int, order: str, denominator: str, limit: int
) -> str:
    """coverage(k) at the ranks where something new is reached; `theta_ordinal`:
    the place of θ in the SAE's grid.
    """
    whole = "n_active" if denominator == "active" else "d_sae"
    return (
        "SELECT coverage_step.rank, token.text, new_features,\n"
        f"       sum(new_features) OVER (ORDER BY coverage_step.rank) / {whole} AS coverage\n"
        "FROM coverage_step\n"
        "JOIN sae USING (sae_ordinal) JOIN token_order USING (token_order) JOIN token USING "
        "(token_id)\n"
        f"WHERE sae_id = {_text(sae_id)} AND theta_ordinal = {theta_ordinal} AND min_count = "
        f"{min_count}\n"
        f"  AND name = {_text(order)}\n"
        f"ORDER BY coverage_step.rank LIMIT {limit}"
    )


def tokens_sql(limit: int) -> str:
    """The most frequent tokens: Zipf's plot, and in how many documents they stand."""
    return (
        "SELECT rank, token_id, text, occurrences, documents\n"
        f"FROM token WHERE rank IS NOT NULL ORDER BY rank LIMIT {limit}"
    )


def degrees_sql(sae_id: str, theta_ordinal: int, min_count: int, limit: int) -> str:
    """Degree against frequency."""
    return (
        "SELECT token.rank, token.text, token.occurrences, degree\n"
        "FROM degree JOIN sae USING (sae_ordinal) JOIN token USING (token_id)\n"
        f"WHERE sae_id = {_text(sae_id)} AND theta_ordinal = {theta_ordinal} AND min_count = "
        f"{min_count}\n"
        f"ORDER BY token.rank LIMIT {limit}"
    )
