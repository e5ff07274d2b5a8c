-- lab.experiments.duckdb: experiments on a model's prompts, run once and kept beside the build.
-- One long table of estimates, whatever the experiment, and what they were estimated from.

CREATE TABLE estimate (
    experiment VARCHAR NOT NULL,  -- necessity, distance, grid, trait, difference_of_means
    sae_id     VARCHAR,           -- SAE of the features; 'all' = all SAEs together; NULL = no SAE is used
    layer      TINYINT,           -- the edit is after this decoder layer; NULL = none, or several
    arm        VARCHAR NOT NULL,  -- what was done to the model: see the table arm
    subject    VARCHAR NOT NULL,  -- what was asked (grid: the question's kind); '' = everything
    outcome    VARCHAR NOT NULL,  -- what was measured: see the table outcome
    value      DOUBLE NOT NULL,   -- in the outcome's unit
    low        DOUBLE,            -- 95 % interval: bootstrap over prompts for means, Wilson for shares; NULL = exact
    high       DOUBLE,
    n          INTEGER NOT NULL   -- prompts; for a count that is not an estimate, 1
);

CREATE TABLE arm (
    experiment VARCHAR NOT NULL,
    arm        VARCHAR NOT NULL,
    sentence   VARCHAR NOT NULL   -- in plain words
);

CREATE TABLE outcome (
    experiment VARCHAR NOT NULL,
    outcome    VARCHAR NOT NULL,
    unit       VARCHAR NOT NULL,  -- nats, share, features, ...
    sentence   VARCHAR NOT NULL   -- definition
);

-- One value per prompt of the estimates that are means over prompts: intervals can be computed anew.
CREATE TABLE prompt_value (
    experiment VARCHAR NOT NULL,
    sae_id     VARCHAR,
    arm        VARCHAR NOT NULL,
    outcome    VARCHAR NOT NULL,
    vals       FLOAT[] NOT NULL   -- by place in the prompts of the experiment
);

CREATE TABLE prompt (
    experiment VARCHAR NOT NULL,
    place      INTEGER NOT NULL,
    prompt     VARCHAR NOT NULL,
    answer     VARCHAR NOT NULL   -- the right one
);

-- Greedy answers, some of them, to be read.
CREATE TABLE answer (
    experiment VARCHAR NOT NULL,
    arm        VARCHAR NOT NULL,
    subject    VARCHAR NOT NULL,
    prompt     VARCHAR NOT NULL,
    text       VARCHAR NOT NULL,
    success    BOOLEAN            -- NULL = the arm has no criterion
);

-- What does not work, and other findings, one sentence each, written by the job from the figures.
CREATE TABLE finding (
    experiment VARCHAR NOT NULL,
    sentence   VARCHAR NOT NULL
);
