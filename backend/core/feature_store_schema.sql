-- What a build does not hold of its features; beside it as <build>.features.duckdb.

CREATE TABLE detail (
    sae_ordinal       UTINYINT NOT NULL,   -- as in the build; sorted by this and feature_index
    feature_index     UINTEGER NOT NULL,   -- every entry of the dictionary, active or not
    n_function        UBIGINT  NOT NULL,   -- firings at function tokens, of the build's cut
    n_effective       FLOAT    NOT NULL,   -- firings / design effect over document shards (feature_lift)
    hist_first        SMALLINT NOT NULL,   -- first bin of hist: activations from 2^(hist_first / 4)
    hist              UINTEGER[] NOT NULL, -- firings per quarter octave, upwards; empty where it never fired
    promoted_effect   FLOAT[]  NOT NULL,   -- one per token of feature.promoted: see LanguageModel.unembed_direction
    suppressed_effect FLOAT[]  NOT NULL,
    near_index        UINTEGER[] NOT NULL, -- feature_index of the nearest by cosine of W_dec, nearest first
    near_cosine       SMALLINT[] NOT NULL, -- in units of 1/32767
    near_tied         BOOLEAN  NOT NULL,   -- the list ends within a tie: others are as near as its last
    count_firings     UINTEGER[] NOT NULL, -- one per token of feature.top_by_count
    count_max         UTINYINT[] NOT NULL, -- largest activation there, code as edge_chunk.act_max
    strength_firings  UINTEGER[] NOT NULL, -- one per token of feature.top_by_strength
    strength_max      UTINYINT[] NOT NULL
);

-- Texts of the build's table `sequence` in which the feature fires at a given token.
CREATE TABLE token_example (
    sae_ordinal   UTINYINT NOT NULL,       -- sorted by this and feature_index
    feature_index UINTEGER NOT NULL,
    token_id      UINTEGER NOT NULL,
    sequence_id   UINTEGER NOT NULL,
    peak          UTINYINT NOT NULL,       -- position of the strongest firing at that token
    positions     UTINYINT[] NOT NULL,     -- all positions of the text at which the feature fires
    activations   UTINYINT[] NOT NULL      -- codes as edge_chunk.act_max
);
