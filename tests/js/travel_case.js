/* A map of two layers, two positions and two sets of them, as POST /api/patch tells it. */

const token = (position, text, token_class) => ({
  position,
  token_id: position,
  text,
  token_class,
});

/** Log-odds, and everything else made of them. */
export const cellsOf = (logOdds) => ({
  log_odds: logOdds,
  probability_a: logOdds.map(() => 0.25),
  probability_b: logOdds.map(() => 0.5),
  token_id: logOdds.map((_, k) => k),
  text: logOdds.map((x) => (x > 0 ? " Moscow" : "London")),
  flipped: logOdds.map((x) => x > 0),
});

/** A's run is 4 nats for A's answer, B's 4 against it. */
export const axes = {
  tokens_a: [
    token(0, "<bos>", "special"),
    token(1, " Rome", "content"),
    token(2, "\n", "function"),
  ],
  tokens_b: [token(0, "<bos>", "special"), token(1, " UK", "content"), token(2, "\n", "function")],
  positions: [1, 2],
  positions_a: [1, 2],
  subject: [1],
  unmatched: [],
  sets: [
    { name: "all", positions: [1, 2], sentence: "every column" },
    { name: "content", positions: [], sentence: "content tokens but the subject's" },
    { name: "function", positions: [2], sentence: "function tokens" },
  ],
  ends: {
    cells: cellsOf([4, -4]),
    answer_a: { token_id: 7, text: " Moscow" },
    answer_b: { token_id: 8, text: "London" },
  },
  n_rows: 4,
};

const row = (source, layer, positions, sets) => ({
  source,
  layer,
  cells: cellsOf(positions),
  sets: cellsOf(sets),
  sham: 0,
});

/** Three rows of four: the control's second layer is on its way. */
export const job = () => ({
  status: "streaming",
  body: { prompt_a: "a", prompt_b: "b", unrelated: "c" },
  axes,
  rows: [
    row("a", 0, [4, -4], [4, -9, -4]),
    row("a", 1, [-6, 2], [4, -9, 2]),
    row("unrelated", 0, [0, -4], [0, -9, -4]),
  ],
});
