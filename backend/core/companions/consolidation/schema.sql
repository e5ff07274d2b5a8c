-- Results along training: <build>.consolidation.duckdb. They belong to no build (provenance build = null) but to
-- the runs and the tokenizer that provenance names. Losses are in nats; a "target" is a scored next token: neither
-- it nor the token before it is special. Packed columns: zlib of little-endian arrays, axes as said, C order.
-- Arrays over [cell], [view] and [shard] follow the tables of these names in order.

CREATE TABLE run (
    run             UTINYINT NOT NULL,
    model           VARCHAR  NOT NULL,  -- runs that differ in the seed alone share it
    seed            UBIGINT  NOT NULL,  -- of the random weights
    title           VARCHAR  NOT NULL,
    n_layers        USMALLINT NOT NULL,
    n_parameters    UBIGINT  NOT NULL,
    tokens_per_step UINTEGER            -- training tokens of a step; NULL = not known
);

CREATE TABLE band (                     -- frequency ranks that no cut tells apart
    band       UTINYINT NOT NULL,
    first_rank UINTEGER NOT NULL,       -- 1 = most frequent
    last_rank  UINTEGER NOT NULL,
    decile     UTINYINT NOT NULL        -- 0 = the ranks that make the first tenth of occurrences
);

CREATE TABLE cut (                      -- ways to say which tokens are function tokens
    cut_order  UTINYINT NOT NULL,
    cut        VARCHAR  NOT NULL,       -- 0.40, top122, punctuation, closed …
    n_function UINTEGER NOT NULL,       -- tokens of the vocabulary that are function tokens
    last_band  UTINYINT,                -- function = bands up to this one; NULL = by kind
    kinds      UTINYINT[] NOT NULL      -- function = these kinds; empty = by band
);

CREATE TABLE cell (                     -- the targets, sorted into cells that every cut respects
    current_band UTINYINT NOT NULL,
    current_kind UTINYINT NOT NULL,     -- 0 other, 1 punctuation or line break, 2 digit, 3 closed-class word (English, Chinese)
    target_band  UTINYINT NOT NULL,
    target_kind  UTINYINT NOT NULL,
    continues    BOOLEAN  NOT NULL,     -- the target goes on the word that the current token is in
    n            UINTEGER NOT NULL      -- targets
);

CREATE TABLE position_cell (            -- the same targets by position, for the cuts by frequency
    current_band  UTINYINT NOT NULL,
    target_band   UTINYINT NOT NULL,
    position      UTINYINT NOT NULL,    -- ordinal of the bucket in provenance "positions"
    n             UINTEGER NOT NULL
);

CREATE TABLE view (                     -- rows whose sums are also kept by document shard, for intervals
    cut        VARCHAR  NOT NULL,
    split      VARCHAR  NOT NULL,       -- none, word, decile, position
    transition VARCHAR  NOT NULL,       -- ff, fc, cf, cc
    value      UTINYINT NOT NULL,       -- value of the split, an ordinal
    n          UINTEGER[] NOT NULL      -- [shard] targets
);

CREATE TABLE loss (                     -- one per run and checkpoint; and the baselines, which have no run
    run       UTINYINT,
    baseline  VARCHAR,                  -- unigram or bigram; NULL = a checkpoint
    step      UINTEGER,
    sums      BLOB NOT NULL,            -- float32 [cell] summed loss
    rms       BLOB NOT NULL,            -- uint16 [view whose split is none, shard] root mean square loss / 2^-11
    position_means BLOB NOT NULL,       -- uint16 [position_cell] mean loss / 2^-11
    view_means BLOB NOT NULL            -- uint16 [view, shard] mean loss / 2^-11
);

CREATE TABLE sae (                      -- one dictionary, trained on one checkpoint
    run          UTINYINT NOT NULL,
    step         UINTEGER NOT NULL,
    sae_id       VARCHAR  NOT NULL,
    layer        USMALLINT NOT NULL,    -- residual stream after this decoder layer
    recipe       VARCHAR  NOT NULL,     -- fixed, equal_score, width
    k            DOUBLE   NOT NULL,     -- mean firings per position that it was calibrated for
    seed         UINTEGER NOT NULL,
    d_sae        UINTEGER NOT NULL,
    trained_positions UINTEGER NOT NULL,
    n_features   UINTEGER NOT NULL,     -- that fire on the sample
    n_firings    UBIGINT  NOT NULL,     -- on the sample
    loss         FLOAT NOT NULL,        -- Horig of the paper's score, on the score rows
    loss_zeroed  FLOAT NOT NULL,        -- H0
    loss_reconstructed FLOAT NOT NULL,  -- H*
    covered      UINTEGER[] NOT NULL,   -- [rank_point] features that the tokens up to that rank reach
    edges        UINTEGER[] NOT NULL,   -- [rank_point] edges of the tokens up to that rank
    kind_edges   UINTEGER[] NOT NULL,   -- [kind] edges
    lone_features UINTEGER[] NOT NULL,  -- [shard] features that fire in this shard of the sample alone
    lone_edges   BLOB NOT NULL          -- uint32 [shard, band, kind] edges with firings in this shard alone
);

CREATE TABLE rank_point (               -- ranks at which `covered` and `edges` are kept
    rank UINTEGER NOT NULL,
    seen UINTEGER NOT NULL              -- tokens of the sample up to that rank
);

CREATE TABLE sample_kind (
    kind UTINYINT NOT NULL,
    seen UINTEGER NOT NULL              -- distinct tokens of that kind in the sample
);

CREATE TABLE sentence (
    sentence  UTINYINT NOT NULL,
    is_prompt BOOLEAN  NOT NULL,        -- continued greedily; else read with predictions along it
    text      VARCHAR  NOT NULL,
    token_ids UINTEGER[] NOT NULL       -- BOS first
);

CREATE TABLE prediction (
    run           UTINYINT NOT NULL,
    step          UINTEGER NOT NULL,
    sentence      UTINYINT NOT NULL,
    token_ids     BLOB NOT NULL,        -- uint32 [position, 3] most probable next tokens
    probabilities BLOB NOT NULL,        -- float16 [position, 3]
    target        BLOB NOT NULL         -- float16 [position - 1] probability of the token that follows
);

CREATE TABLE continuation (
    run       UTINYINT NOT NULL,
    step      UINTEGER NOT NULL,
    sentence  UTINYINT NOT NULL,        -- a prompt
    token_ids UINTEGER[] NOT NULL       -- greedy, prompt left out
);

CREATE TABLE stage (                    -- the numbers that a stage label is decided by
    run         UTINYINT NOT NULL,
    step        UINTEGER NOT NULL,
    predicted   BLOB NOT NULL,          -- uint32 [band, kind] most probable next tokens on the held-out set
    distinct_predictions UINTEGER NOT NULL,
    short_loss  FLOAT[] NOT NULL,       -- [shard] mean loss of the chosen targets with the last tokens alone
    whole_loss  FLOAT[] NOT NULL,       -- [shard] with all that stands before them in the row
    n           UINTEGER[] NOT NULL     -- [shard] chosen targets
);

CREATE TABLE token (                    -- tokens named in sentence, prediction and continuation
    token_id UINTEGER NOT NULL,
    text     VARCHAR  NOT NULL,
    rank     UINTEGER,                  -- NULL = special
    kind     UTINYINT NOT NULL
);
