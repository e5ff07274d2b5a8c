"""Every query of the store, beside no logic.

Parameters are bound; only orders from fixed tables are formatted in.
"""

from __future__ import annotations

PROVENANCE = "SELECT key, value FROM provenance"

SAES = """
SELECT sae_ordinal, act_scale, sae_id, layer, d_sae, l0, n_active, hook_name, d_model, architecture,
       n_edges, n_firings, theta_grid, theta_quantiles
FROM sae ORDER BY layer, sae_ordinal
"""

TOKEN_ORDERS = {
    "frequency": "rank NULLS LAST, token_id",
    "document_coverage": "documents DESC, rank NULLS LAST, token_id",
    "token_id": "token_id",
}

_TOKEN_COLUMNS = "token_id, text, token_class, occurrences, documents, rank, cumulative"
_TOKEN_MATCH = """
($1::VARCHAR IS NULL OR contains(lower(text), lower($1::VARCHAR))
 OR token_id::VARCHAR = $1::VARCHAR)
AND ($2::UTINYINT IS NULL OR token_class = $2::UTINYINT)
"""

TOKENS = (
    f"SELECT {_TOKEN_COLUMNS} FROM token WHERE {_TOKEN_MATCH} ORDER BY {{order}} LIMIT "
    "$3::BIGINT "
    "OFFSET "
    "$4::BIGINT"
)
TOKEN_COUNT = f"SELECT count(*) FROM token WHERE {_TOKEN_MATCH}"
# What is held in memory of the vocabulary (token_table).
ALL_TOKENS = """
SELECT token_id::BIGINT AS token_id, text, lower(text) AS lower, token_class,
       occurrences::BIGINT AS occurrences,
       documents, coalesce(rank, 0)::INTEGER AS rank, coalesce(cumulative, 0)::BIGINT AS cumulative,
       coalesce(random_rank, 0)::INTEGER AS random_rank
FROM token ORDER BY token_id
"""
LOWER = "SELECT lower($1::VARCHAR)"

_CHUNK_COLUMNS = "token_first, token_last, n_edges, degrees, gaps, n_firings, act_max, act_mean"
EDGE_CHUNKS = f"SELECT {_CHUNK_COLUMNS} FROM edge_chunk WHERE sae_ordinal = $1 ORDER BY token_first"
EDGE_CHUNK_STARTS = "SELECT token_first FROM edge_chunk WHERE sae_ordinal = $1 ORDER BY token_first"
EDGE_CHUNKS_BETWEEN = f"""
SELECT {_CHUNK_COLUMNS} FROM edge_chunk
WHERE sae_ordinal = $1 AND token_first BETWEEN $2::UINTEGER AND $3::UINTEGER ORDER BY token_first
"""
# In two steps: a scan by condition reads the blobs of all 2,048 rows around the one it wants (28 ms
# against 3).
EDGE_CHUNK_OF_TOKEN = f"""
SELECT {_CHUNK_COLUMNS} FROM edge_chunk WHERE rowid = (
    SELECT rowid FROM edge_chunk
    WHERE sae_ordinal = $1 AND $2::UINTEGER BETWEEN token_first AND token_last
)
"""

DEGREES = """
SELECT token_id::BIGINT AS token_id, degree FROM degree
WHERE sae_ordinal = $1 AND theta_ordinal = $2 AND min_count = $3
"""
COVERAGE_STEPS = """
SELECT rank::BIGINT AS rank, token_id::BIGINT AS token_id, new_features::BIGINT AS new_features
FROM coverage_step
WHERE sae_ordinal = $1 AND theta_ordinal = $2 AND min_count = $3 AND token_order = $4
  AND rank <= coalesce($5::BIGINT, 4294967295)
"""

RANDOM_CURVE = """
SELECT rank, covered_mean, covered_min, covered_max FROM random_curve
WHERE sae_ordinal = $1 AND theta_ordinal = $2 AND min_count = $3
"""

CONTRASTS = """
SELECT k, is_function_cut, occurrences, coverage, coverage_low, coverage_high,
       content_coverage, content_low, content_high, difference_low, difference_high,
       whole_tokens_mean, whole_tokens_min, whole_tokens_max, whole_tokens_count
FROM contrast WHERE sae_ordinal = $1 ORDER BY k
"""

_FEATURE_COLUMNS = """
feature_index, n_firings, n_tokens, mean_activation, act_max, act_q999, first_rank,
top_by_count, top_by_strength, promoted, suppressed
"""
# joined, not list_contains: that compares every row with every id (41 ms for 50 features of 2^20,
# this 9)
FEATURES_BY_ID = f"""
SELECT {_FEATURE_COLUMNS}
FROM (SELECT unnest($2::UINTEGER[]) AS feature_index) JOIN feature USING (feature_index)
WHERE sae_ordinal = $1
"""
ONE_FEATURE = (
    f"SELECT {_FEATURE_COLUMNS} FROM feature WHERE sae_ordinal = $1 AND feature_index "
    "= $2::UINTEGER"
)
# What a search holds in memory, all in the order of the file: sorting a million lists takes 0.4 GB
# for a moment.
FEATURE_NUMBERS = """
SELECT feature_index::BIGINT AS feature_index, n_firings::BIGINT AS n_firings,
       n_tokens::INTEGER AS n_tokens,
       mean_activation, act_max, act_q999, first_rank::INTEGER AS first_rank
FROM feature WHERE sae_ordinal = $1
"""
FEATURE_LISTS = ("top_by_count", "top_by_strength", "promoted", "suppressed")
FEATURE_LIST_SIZES = "SELECT len({column})::INTEGER AS size FROM feature WHERE sae_ordinal = $1"
FEATURE_LISTED = "SELECT unnest({column}) AS token_id FROM feature WHERE sae_ordinal = $1"

EXAMPLES = """
SELECT s.token_ids, e.quantile, e.peak, e.positions, e.activations, e.sequence_id
FROM example e JOIN sequence s USING (sequence_id)
WHERE e.sae_ordinal = $1 AND e.feature_index = $2::UINTEGER
  AND e.quantile BETWEEN $4::FLOAT AND $5::FLOAT
ORDER BY e.quantile DESC, e.sequence_id LIMIT $3::BIGINT
"""
SEQUENCES = """
SELECT sequence_id, token_ids
FROM (SELECT unnest($1::UINTEGER[]) AS sequence_id) JOIN sequence USING (sequence_id)
"""
SEQUENCE_END = "SELECT coalesce(max(sequence_id) + 1, 0) FROM sequence"

POSITIONS_BY_CLASS = "SELECT token_class, sum(occurrences)::BIGINT FROM token GROUP BY token_class"

# The graph: orders are made from first_rank and n_firings in backend.core.store.graph.blocks.
GRAPH_FEATURES = """
SELECT feature_index::INTEGER AS feature_index, n_firings::BIGINT AS n_firings,
       first_rank::INTEGER AS first_rank
FROM feature WHERE sae_ordinal = $1
"""
GRAPH_RANKS = """
SELECT coalesce(max(rank) FILTER (occurrences > 0), 0)::BIGINT,
       count(*) FILTER (token_class = $1)::BIGINT
FROM token
"""
GRAPH_TOKEN_RANKS = (
    "SELECT token_id::BIGINT AS token_id, rank::INTEGER AS rank FROM token "
    "WHERE rank IS NOT NULL AND occurrences > 0"
)
HAS_TABLE = (
    "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND table_name = $1"
)
GRAPH_TILES = """
SELECT rowid::BIGINT AS at, rank_first::INTEGER AS rank_first, rank_last::INTEGER AS rank_last,
       order_first::INTEGER AS order_first, order_last::INTEGER AS order_last,
       n_edges::INTEGER AS n_edges
FROM graph_tile WHERE sae_ordinal = $1
"""
GRAPH_TILES_AT = """
SELECT rank_first, rank_last, order_first, order_last, n_edges, order_gaps, rank_gaps, n_firings
FROM graph_tile WHERE rowid IN (SELECT unnest($1::BIGINT[]))
"""
GRAPH_GRID = """
SELECT n_rank_bounds, n_order_bounds, rank_bounds, order_bounds, n_edges, n_firings
FROM graph_grid WHERE sae_ordinal = $1 AND min_count = $2
"""
GRAPH_DEGREES = """
SELECT octave, n_tokens, n_features FROM graph_degree
WHERE sae_ordinal = $1 AND min_count = $2 AND token_class IS NOT DISTINCT FROM $3::UTINYINT
ORDER BY octave
"""
