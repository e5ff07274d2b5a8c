-- lab.experiments.duckdb: experiments on a model's prompts, run once and kept beside the build.
-- One long table of estimates, whatever the experiment, and what they were estimated from.
-- Version 2 added `task` and `place`; a file of version 1 is read as one that has none.

CREATE TABLE estimate (
    experiment VARCHAR NOT NULL,  -- necessity, distance, grid, trait, difference_of_means, answers, carry, ...
    sae_id     VARCHAR,           -- SAE of the features; 'all' = all SAEs together; NULL = no SAE is used
    layer      TINYINT,           -- the edit is after this decoder layer; NULL = none, or several
    arm        VARCHAR NOT NULL,  -- what was done to the model: see the table arm
    subject    VARCHAR NOT NULL,  -- what was asked (grid: the question's kind; carry: a place); '' = everything
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

-- The task files that an experiment was made from.
CREATE TABLE task (
    experiment VARCHAR NOT NULL,
    task       VARCHAR NOT NULL,  -- the file's name without its ending
    title      VARCHAR NOT NULL,
    noun       VARCHAR NOT NULL,  -- what its subjects are, in the plural
    sha256     VARCHAR NOT NULL   -- of the file's content, layout and comments apart
);

-- Positions behind a subject's name, the same in the prompts of all subjects (experiment carry).
CREATE TABLE place (
    experiment  VARCHAR NOT NULL,
    subject     VARCHAR NOT NULL,  -- as in estimate
    task        VARCHAR NOT NULL,
    question    VARCHAR NOT NULL,  -- phrasing and tail, with {s} for the name
    distance    INTEGER NOT NULL,  -- tokens behind the name's last one
    token_id    INTEGER NOT NULL,
    text        VARCHAR NOT NULL,  -- of the token
    token_class VARCHAR NOT NULL,  -- by frequency, in the build: function or content, or special
    kind        VARCHAR NOT NULL,  -- by spelling: punctuation, closed_class, other_word, ...
    is_last     BOOLEAN NOT NULL   -- the prompt's last position, where the answer begins
);
