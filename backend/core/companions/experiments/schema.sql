-- lab.experiments.duckdb: experiments on a model's prompts, run once and kept beside the build.
-- One long table of estimates, whatever the experiment, and what they were estimated from.
-- Version 2 added `task` and `place`, version 3 `trial`; an older file is read as one that has none.

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

-- Edits that were tried to give answers a trait, one a row: candidates, and every random draw (experiment demonstrations).
CREATE TABLE trial (
    experiment    VARCHAR NOT NULL,
    subject       VARCHAR NOT NULL,  -- the trait; of a pair A+B, with a row for each half of the edit
    sae_id        VARCHAR NOT NULL,
    layer         TINYINT NOT NULL,
    split         VARCHAR NOT NULL,  -- fit: questions to choose on; test: questions that nothing was chosen on
    kind          VARCHAR NOT NULL,  -- feature, direction, or a control, called as in the table arm
    feature_index INTEGER,           -- NULL = a direction
    rise          DOUBLE,            -- mean activation where the trait is asked for in words, less that without
    promotes      DOUBLE,            -- direct effect of a unit of its direction on the logits of words with the trait, less others; in relation only
    strength      DOUBLE,            -- length of what is added, of the residual's mean length there
    value         DOUBLE NOT NULL,   -- α: what W_dec[f], or the direction, is multiplied by
    n             INTEGER NOT NULL,  -- questions that were asked
    shown         INTEGER NOT NULL,  -- of them answered with the trait
    n_closed      INTEGER NOT NULL,  -- of them with a right answer
    n_right       INTEGER NOT NULL,  -- of those answered right
    given_up      BOOLEAN NOT NULL,  -- hopeless after the first third of the questions
    chosen        BOOLEAN NOT NULL   -- the best of its SAE, which was judged
);
