-- A build: one read-only DuckDB file, a model x SAEs x corpus.
-- Blobs are deflated already and stored as they are: DuckDB would pack 2,048 of them together, and unpack all of
-- these to read one (25 ms against 3).
-- "Position" means a corpus position that holds a non-special token; special tokens are never counted.
-- Ordinals are small integers so that they cost next to nothing on disk: sae_ordinal -> sae,
-- theta_ordinal -> sae.theta_grid, token_order -> token_order.

CREATE TABLE provenance (
    key   VARCHAR NOT NULL,          -- schema_version, model, saes, corpus, counts, job, code, created_at, examples
    value VARCHAR NOT NULL           -- JSON
);

CREATE TABLE sae (
    sae_ordinal  UTINYINT NOT NULL,
    sae_id       VARCHAR  NOT NULL,
    layer        USMALLINT NOT NULL, -- residual stream after this decoder layer
    hook_name    VARCHAR  NOT NULL,
    architecture VARCHAR  NOT NULL,
    d_model      UINTEGER NOT NULL,
    d_sae        UINTEGER NOT NULL,  -- width of the dictionary, features
    l0           DOUBLE   NOT NULL,  -- firings per position, measured on this corpus
    n_active     UINTEGER NOT NULL,  -- features with at least one firing (activation > 0) at any position
    n_edges      UBIGINT  NOT NULL,  -- kept in edge_chunk: those of counts.edges_from firings or more
    n_firings    UBIGINT  NOT NULL,
    act_scale    FLOAT    NOT NULL,  -- largest activation seen (corpus or examples): the unit of the activation codes
    theta_grid   DOUBLE[]  NOT NULL,  -- thresholds that coverage is stored for; the first is 0
    theta_quantiles DOUBLE[] NOT NULL -- the activation quantile that each was taken from (0, 0.5, 0.9)
);

CREATE TABLE token_order (
    token_order UTINYINT NOT NULL,
    name        VARCHAR  NOT NULL    -- frequency, document_coverage, degree, greedy, random
);

CREATE TABLE token (
    token_id    UINTEGER NOT NULL,   -- sorted by this
    text        VARCHAR  NOT NULL,   -- decoded alone; U+FFFD for partial UTF-8
    token_class UTINYINT NOT NULL,   -- 0 content, 1 function, 2 special
    occurrences UBIGINT  NOT NULL,   -- positions
    documents   UINTEGER NOT NULL,   -- documents that contain it at least once
    rank        UINTEGER,            -- 1 = most frequent non-special token, ties by token_id; NULL = special
    cumulative  UBIGINT,             -- positions of the tokens of rank 1..rank; NULL = special
    random_rank UINTEGER             -- place in the first random order; NULL = special, or never seen
);

-- Edges of a contiguous range of token_ids, sorted by (token_id, feature_index), packed as
-- backend.core.store.edge_codec says: about 2.3 bytes an edge where plain columns take 4 to 8.
CREATE TABLE edge_chunk (
    sae_ordinal UTINYINT NOT NULL,
    token_first UINTEGER NOT NULL,   -- first and last token_id of the range, both inside
    token_last  UINTEGER NOT NULL,
    n_edges     UINTEGER NOT NULL,
    degrees     BLOB NOT NULL USING COMPRESSION uncompressed,       -- edges per token of the range
    gaps        BLOB NOT NULL USING COMPRESSION uncompressed,       -- feature_index less the one before it in the same token
    n_firings   BLOB NOT NULL USING COMPRESSION uncompressed,       -- positions of the token at which the feature fires, exact
    act_max     BLOB NOT NULL USING COMPRESSION uncompressed,       -- code: 1/16 octaves below act_scale, 255 = act_scale, 0 = 2^-15.9 of it or less
    act_mean    BLOB NOT NULL USING COMPRESSION uncompressed        -- code: 1/16 octaves below act_max
);

-- Edges with at least min_count firings above theta; rows with degree 0 are left out.
CREATE TABLE degree (
    sae_ordinal   UTINYINT NOT NULL,
    theta_ordinal UTINYINT NOT NULL,
    min_count     UTINYINT NOT NULL,
    token_id      UINTEGER NOT NULL,
    degree        UINTEGER NOT NULL  -- features
);

-- coverage(k): only the ranks at which something new is reached.
CREATE TABLE coverage_step (
    sae_ordinal   UTINYINT NOT NULL,
    theta_ordinal UTINYINT NOT NULL,
    min_count     UTINYINT NOT NULL,
    token_order   UTINYINT NOT NULL,
    rank          UINTEGER NOT NULL, -- 1-based place in the order
    token_id      UINTEGER NOT NULL,
    new_features  UINTEGER NOT NULL  -- features that no earlier token of the order reaches
);

-- Random orders: mean and range over the draws, at about log-spaced ranks.
CREATE TABLE random_curve (
    sae_ordinal   UTINYINT NOT NULL,
    theta_ordinal UTINYINT NOT NULL,
    min_count     UTINYINT NOT NULL,
    rank          UINTEGER NOT NULL,
    covered_mean  FLOAT    NOT NULL, -- features
    covered_min   UINTEGER NOT NULL,
    covered_max   UINTEGER NOT NULL
);

-- The k most frequent tokens against content tokens with as many occurrences; theta = 0, min_count = 1.
-- All coverages are shares of the active features; intervals: 95 %, document shards resampled.
CREATE TABLE contrast (
    sae_ordinal          UTINYINT NOT NULL,
    k                    UINTEGER NOT NULL,
    is_function_cut      BOOLEAN  NOT NULL, -- k = number of function tokens
    occurrences          UBIGINT  NOT NULL, -- positions of the k tokens
    coverage             DOUBLE   NOT NULL,
    coverage_low         DOUBLE   NOT NULL,
    coverage_high        DOUBLE   NOT NULL,
    content_coverage     DOUBLE,            -- expected share for that many content positions drawn without
    content_low          DOUBLE,            -- replacement; NULL where content has fewer positions
    content_high         DOUBLE,
    difference_low       DOUBLE,            -- coverage - content_coverage
    difference_high      DOUBLE,
    whole_tokens_mean    DOUBLE,            -- whole content tokens drawn until they have as many positions:
    whole_tokens_min     DOUBLE,            -- mean and range of the draws
    whole_tokens_max     DOUBLE,
    whole_tokens_count   DOUBLE             -- mean number of distinct content tokens in a draw
);

CREATE TABLE feature (
    sae_ordinal     UTINYINT NOT NULL,
    feature_index   UINTEGER NOT NULL,   -- active features only
    n_firings       UBIGINT  NOT NULL,
    n_tokens        UINTEGER NOT NULL,   -- distinct tokens with an edge
    mean_activation FLOAT    NOT NULL,   -- over its firings
    act_max         FLOAT    NOT NULL,
    act_q999        FLOAT    NOT NULL,   -- 99.9th percentile of its firings, from 32 bins an octave: +-1.6 %
    first_rank      UINTEGER NOT NULL,   -- lowest frequency rank of a token with an edge
    top_by_count    UINTEGER[] NOT NULL, -- token_ids, most firings first
    top_by_strength UINTEGER[] NOT NULL, -- token_ids, largest single activation first
    promoted        UINTEGER[] NOT NULL, -- token_ids that W_dec raises most through the unembedding
    suppressed      UINTEGER[] NOT NULL
);

-- Texts that the model itself wrote (temperature 1, seeded): no sentence of the corpus is kept.
CREATE TABLE sequence (
    sequence_id UINTEGER NOT NULL,
    token_ids   UINTEGER[] NOT NULL      -- BOS first
);

CREATE TABLE example (
    sae_ordinal   UTINYINT NOT NULL,
    feature_index UINTEGER NOT NULL,
    quantile      FLOAT    NOT NULL,     -- of the sequence's peak among all peaks of the feature; 1 = strongest
    sequence_id   UINTEGER NOT NULL,
    peak          UTINYINT NOT NULL,     -- position of the strongest firing
    positions     UTINYINT[] NOT NULL,   -- all positions of the sequence at which the feature fires
    activations   UTINYINT[] NOT NULL    -- codes as edge_chunk.act_max
);

-- The graph cut for drawing: only for SAEs with more edges than are read while a person waits; else no rows.
-- Ranks and orders count from 1; orders are features by (first_rank, most n_firings, feature_index).
CREATE TABLE graph_tile (
    sae_ordinal UTINYINT NOT NULL,
    rank_first  UINTEGER NOT NULL,   -- the strip's ranks, both inside
    rank_last   UINTEGER NOT NULL,
    order_first UINTEGER NOT NULL,   -- orders of the first and the last edge; sorted by (rank_first, order_first)
    order_last  UINTEGER NOT NULL,
    n_edges     UINTEGER NOT NULL,
    order_gaps  BLOB NOT NULL USING COMPRESSION uncompressed,       -- packed as backend.core.store.graph.tiles says
    rank_gaps   BLOB NOT NULL USING COMPRESSION uncompressed,
    n_firings   BLOB NOT NULL USING COMPRESSION uncompressed
);

CREATE TABLE graph_grid (
    sae_ordinal    UTINYINT NOT NULL,
    min_count      UTINYINT NOT NULL,
    n_rank_bounds  UINTEGER NOT NULL,
    n_order_bounds UINTEGER NOT NULL,
    rank_bounds    BLOB NOT NULL USING COMPRESSION uncompressed,    -- starts of the blocks and one past the last; deflated as edge_chunk
    order_bounds   BLOB NOT NULL USING COMPRESSION uncompressed,
    n_edges        BLOB NOT NULL USING COMPRESSION uncompressed,    -- per pair of blocks, rank blocks outermost
    n_firings      BLOB NOT NULL USING COMPRESSION uncompressed
);

-- How many tokens and features have a degree of 2^octave to 2^(octave + 1) - 1, edges to the class alone.
CREATE TABLE graph_degree (
    sae_ordinal UTINYINT NOT NULL,
    min_count   UTINYINT NOT NULL,
    token_class UTINYINT,            -- NULL = all classes
    octave      UTINYINT NOT NULL,
    n_tokens    UINTEGER NOT NULL,
    n_features  UINTEGER NOT NULL
);
