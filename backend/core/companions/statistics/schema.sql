-- Companion `statistics` of a build: what the build's own counts say once chance is given its due.
-- Made by `functionscope precompute statistics` from the per-shard partial counts, never from the model.
-- theta = 0 and min_count = 1 unless a column says otherwise. Shares are of the active features
-- (theta = 0, min_count = 1, any token). Intervals are 95 % and resample document shards with replacement,
-- unless a column says otherwise. Expected and rarefied counts are features.
-- token_group: function, content (by frequency, at the build's own cut); punctuation (with white space),
-- closed_class (words of a stated list), other_word, word_piece, digits, han, other (by kind); all.

CREATE TABLE token_spread (           -- one row per non-special token that occurs; no SAE is involved
    token_id           UINTEGER NOT NULL,
    kind               VARCHAR  NOT NULL,  -- punctuation … other, from the token's text alone
    occurrences        UBIGINT  NOT NULL,
    documents          UINTEGER NOT NULL,  -- documents that contain it
    expected_documents DOUBLE   NOT NULL,  -- had its positions fallen on documents at random, by their lengths
    evenness           DOUBLE   NOT NULL   -- documents / expected_documents: 1 evenly spread, small bursty
);

CREATE TABLE group_spread (           -- evenness by group: mean over tokens with at least min_occurrences
    token_group     VARCHAR  NOT NULL,
    min_occurrences UINTEGER NOT NULL,     -- rarer tokens are even by necessity and left out
    n_tokens        UINTEGER NOT NULL,
    mean_evenness   DOUBLE   NOT NULL,
    low             DOUBLE   NOT NULL,
    high            DOUBLE   NOT NULL,
    median_evenness DOUBLE   NOT NULL
);

-- Tokens with 100 occurrences or more.
CREATE TABLE rarefaction (            -- expected distinct features after n of a token's occurrences, exact
    sae_id   VARCHAR  NOT NULL,
    token_id UINTEGER NOT NULL,
    n        DOUBLE   NOT NULL,            -- positions of the token drawn without replacement; n <= occurrences
                                           -- (whole numbers; as DOUBLE they take half the room)
    expected DOUBLE   NOT NULL,            -- sum over features of 1 - C(N - f, n) / C(N, n)
    se       DOUBLE                        -- standard deviation over shard resamples; NULL: too few occurrences
);

CREATE TABLE rarefaction_group (      -- mean of the above over the tokens of a group with >= n occurrences
    sae_id       VARCHAR  NOT NULL,
    token_group  VARCHAR  NOT NULL,
    n            UINTEGER NOT NULL,
    n_tokens     UINTEGER NOT NULL,
    mean         DOUBLE   NOT NULL,
    low          DOUBLE   NOT NULL,        -- of the mean
    high         DOUBLE   NOT NULL,
    token_low    DOUBLE   NOT NULL,        -- 2.5 and 97.5 % quantiles over the tokens themselves
    token_high   DOUBLE   NOT NULL
);

CREATE TABLE null_fit (               -- degree expected at a frequency: ln E = a + b ln n + c (ln n)^2
    sae_id   VARCHAR  NOT NULL,
    a        DOUBLE   NOT NULL,            -- least squares over the mean rarefaction of content tokens
    b        DOUBLE   NOT NULL,
    c        DOUBLE   NOT NULL,
    n_from   UINTEGER NOT NULL,            -- range of n that the fit rests on; beyond it is extrapolation
    n_to     UINTEGER NOT NULL,
    n_points UINTEGER NOT NULL
);

CREATE TABLE excess (                 -- degree against the degree expected of a content token so frequent
    sae_id       VARCHAR  NOT NULL,
    token_id     UINTEGER NOT NULL,
    degree       UINTEGER NOT NULL,
    chao1        DOUBLE   NOT NULL,        -- Chao1 estimate of the degree with unlimited occurrences
    expected     DOUBLE   NOT NULL,        -- null_fit at the token's occurrences
    low          DOUBLE   NOT NULL,        -- 95 % of content tokens of like frequency lie within low to high
    high         DOUBLE   NOT NULL,
    extrapolated BOOLEAN  NOT NULL,        -- more occurrences than null_fit.n_to
    excess       DOUBLE   NOT NULL,        -- degree / expected - 1
    matched_n    UINTEGER NOT NULL,        -- occurrences to which token and content tokens are brought down
    matched      DOUBLE   NOT NULL,        -- the token's rarefaction at matched_n: nothing is extrapolated
    matched_mean DOUBLE   NOT NULL,        -- mean of content tokens' rarefaction at matched_n
    matched_low  DOUBLE   NOT NULL,        -- their 2.5 and 97.5 % quantiles
    matched_high DOUBLE   NOT NULL
);

CREATE TABLE equal_occurrence (       -- the k most frequent tokens against as many positions of other tokens
    sae_id          VARCHAR  NOT NULL,
    theta_ordinal   UTINYINT NOT NULL,     -- place in the build's theta_grid
    min_count       UTINYINT NOT NULL,
    k               UINTEGER NOT NULL,
    cut             UTINYINT,              -- %, where k is the number of function tokens at that cut; else NULL
    others          VARCHAR  NOT NULL,     -- content: of the build's own cut; rest: all tokens but the k
    occurrences     UBIGINT  NOT NULL,
    coverage        DOUBLE   NOT NULL,
    low             DOUBLE   NOT NULL,
    high            DOUBLE   NOT NULL,
    other_coverage  DOUBLE,                -- NULL: the others have fewer positions
    other_low       DOUBLE,                -- NULL for min_count > 1 (the expectation alone is computed)
    other_high      DOUBLE,
    difference_low  DOUBLE,                -- coverage - other_coverage
    difference_high DOUBLE
);

-- An edge by rate: the token fires the feature at min_rate of its occurrences or more. Of tokens with 100
-- occurrences or more alone. Version 2 added both tables; an older file is read as one that has none.
CREATE TABLE rate_rank (              -- every such token, by frequency rank
    sae_id       VARCHAR  NOT NULL,
    min_rate     DOUBLE   NOT NULL,
    rank         UINTEGER NOT NULL,
    token_id     UINTEGER NOT NULL,
    degree       UINTEGER NOT NULL,
    new_features UINTEGER NOT NULL         -- features that no token of a lower rank reaches
);

CREATE TABLE rate_contrast (          -- the k most frequent tokens against k content tokens, drawn evenly
    sae_id      VARCHAR  NOT NULL,
    min_rate    DOUBLE   NOT NULL,
    k           UINTEGER NOT NULL,
    coverage    DOUBLE   NOT NULL,
    low         DOUBLE   NOT NULL,
    high        DOUBLE   NOT NULL,
    others_mean DOUBLE,                    -- NULL: fewer than 2 k content tokens occur 100 times
    others_low  DOUBLE,                    -- 2.5 and 97.5 % quantiles of the draws
    others_high DOUBLE,
    n_others    UINTEGER NOT NULL,         -- content tokens drawn from
    n_draws     UINTEGER NOT NULL
);

CREATE TABLE kind_summary (           -- classes by kind beside classes by frequency
    sae_id      VARCHAR  NOT NULL,
    token_group VARCHAR  NOT NULL,
    n_tokens    UINTEGER NOT NULL,
    occurrences UBIGINT  NOT NULL,
    coverage    DOUBLE   NOT NULL,         -- share of active features that any token of the group reaches
    low         DOUBLE   NOT NULL,
    high        DOUBLE   NOT NULL,
    common_n    UBIGINT  NOT NULL,         -- positions of the smallest group
    at_common   DOUBLE   NOT NULL,         -- expected coverage of common_n positions of the group, exact
    common_low  DOUBLE   NOT NULL,
    common_high DOUBLE   NOT NULL
);

CREATE TABLE chao1 (                  -- features that a group would reach with unlimited text (lower bound)
    sae_id      VARCHAR  NOT NULL,
    token_group VARCHAR  NOT NULL,
    observed    UINTEGER NOT NULL,         -- features that fire at any position of the group
    once        UINTEGER NOT NULL,         -- … at exactly one
    twice       UINTEGER NOT NULL,
    estimate    DOUBLE   NOT NULL,         -- observed + once (once - 1) / (2 (twice + 1))
    low         DOUBLE   NOT NULL,         -- log-normal interval of Chao (1987); shards are not resampled
    high        DOUBLE   NOT NULL
);

CREATE TABLE label_permutation (      -- does a label matter at equal frequency? labels permuted within strata
    sae_id         VARCHAR  NOT NULL,
    label          VARCHAR  NOT NULL,      -- a token_group, against all other tokens in the same strata
    n_labelled     UINTEGER NOT NULL,      -- in strata that hold both labelled and other tokens
    n_others       UINTEGER NOT NULL,
    n_strata       UINTEGER NOT NULL,      -- a stratum: occurrences within a factor of 2
    observed       DOUBLE   NOT NULL,      -- mean of log2 degree, labelled - others, strata weighted by labelled
    null_low       DOUBLE   NOT NULL,      -- 95 % of the permutations
    null_high      DOUBLE   NOT NULL,
    p_value        DOUBLE   NOT NULL,      -- two-sided, (1 + as extreme) / (1 + permutations)
    n_permutations UINTEGER NOT NULL
);

CREATE TABLE degree_fit (             -- power law of the tail of a degree distribution (Clauset et al. 2009)
    sae_id VARCHAR  NOT NULL,
    side   VARCHAR  NOT NULL,              -- token, feature
    n      UINTEGER NOT NULL,              -- nodes with degree >= 1
    x_min  UINTEGER NOT NULL,              -- chosen by least Kolmogorov-Smirnov distance
    n_tail UINTEGER NOT NULL,              -- nodes with degree >= x_min
    alpha  DOUBLE   NOT NULL,              -- P(degree) ~ degree^-alpha
    low    DOUBLE   NOT NULL,              -- alpha +- 1.96 standard errors of the maximum-likelihood fit
    high   DOUBLE   NOT NULL,
    ks     DOUBLE   NOT NULL               -- Kolmogorov-Smirnov distance of the fit
);

CREATE TABLE degree_alternative (     -- the power law against another law, on the same tail
    sae_id      VARCHAR NOT NULL,
    side        VARCHAR NOT NULL,
    alternative VARCHAR NOT NULL,          -- lognormal, exponential
    ratio       DOUBLE  NOT NULL,          -- normalised log-likelihood ratio; positive favours the power law
    p_value     DOUBLE  NOT NULL           -- that the sign is chance (Vuong)
);

CREATE TABLE slope (                  -- least squares on log10-log10
    name      VARCHAR  NOT NULL,           -- zipf (occurrences by rank), degree (degree by occurrences)
    sae_id    VARCHAR,                     -- NULL for zipf
    from_rank UINTEGER NOT NULL,           -- frequency ranks of the tokens fitted
    to_rank   UINTEGER NOT NULL,
    n         UINTEGER NOT NULL,
    slope     DOUBLE   NOT NULL,
    low       DOUBLE   NOT NULL,
    high      DOUBLE   NOT NULL,
    r2        DOUBLE   NOT NULL            -- of the least squares fit
);

-- Null models. `real` is the build's own model on the very same document shards.
CREATE TABLE null_run (
    run         VARCHAR  NOT NULL,         -- real, random_weights, shuffled
    description VARCHAR  NOT NULL,
    positions   UBIGINT  NOT NULL,         -- non-special positions
    shards      UINTEGER[] NOT NULL,       -- document shards of the build that were used
    n_function  UINTEGER NOT NULL          -- function tokens of the build (its own cut)
);

CREATE TABLE null_curve (             -- coverage by frequency rank, about log-spaced ranks
    run       VARCHAR  NOT NULL,
    sae_id    VARCHAR  NOT NULL,           -- of the build; random_weights has its own SAE after the same layer
    rank      UINTEGER NOT NULL,
    covered   UINTEGER NOT NULL,           -- features that the tokens of rank 1..rank reach
    n_active  UINTEGER NOT NULL,           -- features that fire at all in this run
    d_sae     UINTEGER NOT NULL
);

CREATE TABLE null_contrast (          -- as the build's table `contrast`, for each run
    run              VARCHAR  NOT NULL,
    sae_id           VARCHAR  NOT NULL,
    k                UINTEGER NOT NULL,
    is_function_cut  BOOLEAN  NOT NULL,
    occurrences      UBIGINT  NOT NULL,
    coverage         DOUBLE   NOT NULL,
    coverage_low     DOUBLE   NOT NULL,
    coverage_high    DOUBLE   NOT NULL,
    content_coverage DOUBLE,
    content_low      DOUBLE,
    content_high     DOUBLE,
    degree_slope     DOUBLE   NOT NULL,    -- least squares, log10 degree on log10 occurrences, this run and SAE
    l0               DOUBLE   NOT NULL     -- firings per position, this run and SAE
);
