-- What a build does not hold of its features; beside it as <build>.features.duckdb.
-- One row per range of 256 features of a dictionary, active or not. Every BLOB holds one list of whole numbers
-- per feature of the range, packed as backend.core.store.feature_codec says.

CREATE TABLE detail_chunk (
    sae_ordinal       UTINYINT NOT NULL, -- as in the build; sorted by this and feature_first
    feature_first     UINTEGER NOT NULL,
    n_features        USMALLINT NOT NULL,
    n_function        BLOB NOT NULL,     -- [1] firings at function tokens, of the build's cut
    n_effective       BLOB NOT NULL,     -- [1] 16 * firings / design effect over document shards (feature_lift)
    hist_first        BLOB NOT NULL,     -- [1] first bin of hist: activations from 2^(hist_first / 4)
    hist              BLOB NOT NULL,     -- firings per quarter octave, upwards; empty where it never fired
    promoted_effect   BLOB NOT NULL,     -- 1000 * effect, per token of feature.promoted (LanguageModel.unembed_direction)
    suppressed_effect BLOB NOT NULL,
    near_index        BLOB NOT NULL,     -- feature_index of the nearest by cosine of W_dec, nearest first
    near_cosine       BLOB NOT NULL,     -- 32767 * cosine
    near_tied         BLOB NOT NULL,     -- [1] 1: the list ends within a tie, others are as near as its last
    count_firings     BLOB NOT NULL,     -- firings, per token of feature.top_by_count; 0: no listed edge
    count_max         BLOB NOT NULL,     -- largest activation there, code as edge_chunk.act_max
    strength_firings  BLOB NOT NULL,     -- the same, per token of feature.top_by_strength
    strength_max      BLOB NOT NULL,
    -- texts of the build's table `sequence` in which the feature fires at a given token
    example_token     BLOB NOT NULL,     -- token_id, per example
    example_sequence  BLOB NOT NULL,     -- sequence_id
    example_peak      BLOB NOT NULL,     -- position of the strongest firing at that token
    example_sizes     BLOB NOT NULL,     -- how many of the next two belong to it
    example_positions BLOB NOT NULL,     -- all positions of the text at which the feature fires
    example_codes     BLOB NOT NULL      -- activations there, codes as edge_chunk.act_max
);
