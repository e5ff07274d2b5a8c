/* Where does it travel?: what is asked for, and what the cells of the answer say. Pure. */

import { number, percent } from "../../shared/number.js";
import { talkOf } from "../../shared/tokens/turns.js";
import { visible } from "../../shared/tokens/words.js";

/** @import { Axes, Begun, Cell, Cells, Place, Plan, Ran, Row, Source } from "./types.js" */
/** @import { TokenAsked, TravelBody, TravelSettings } from "./types.js" */
/** @import { Interval } from "../../shared/types.js" */

const NOTHING_BETWEEN = 1e-3; // nats: A's run and B's are answered alike, and there is no scale

/** @type {Record<string, string>} */
const SETS = {
  all: "all",
  subject: "subject",
  function: "function",
  content: "content",
  punctuation: "punctuation",
};

/**
 * A token as it is typed: "·Moscow" has a space before it, "↵" is a newline.
 *
 * @param {string} text
 * @returns {TokenAsked}
 */
const answered = (text) => ({
  kind: "token",
  text: text.replace(/^·/, " ").replace(/↵/g, "\n"),
});

/**
 * The body of POST /api/patch, or why there is none. The examples before the prompts are part of
 * them here.
 *
 * @param {Ran | null | undefined} ran
 * @param {TravelSettings} settings
 * @param {string} usual the unrelated prompt where none was typed
 * @returns {Plan}
 */
export function travelPlan(ran, settings, usual) {
  if (!ran) return { body: null, problem: "Nothing has been run yet." };
  const [a, b] = ran.prompts;
  if (b === undefined)
    return {
      body: null,
      problem: "This takes two prompts: type B as A with another subject, and run them.",
    };
  const before = ran.prefix || "";
  const other = settings.unrelated === null ? usual : settings.unrelated;
  /** @type {TravelBody} */
  const body = {
    prompt_a: before + a,
    prompt_b: before + b,
    ...talkOf(ran.chat, ran.turns),
  };
  if (settings.answer_a) body.answer_a = answered(settings.answer_a);
  if (settings.answer_b) body.answer_b = answered(settings.answer_b);
  if (other) body.unrelated = before + other;
  return { body, problem: null };
}

/**
 * How far from B's run (0) to A's (1); null where the ends are the same.
 *
 * @param {number} logOdds
 * @param {number[]} ends A's, then B's
 */
export function restored(logOdds, [a, b]) {
  return Math.abs(a - b) < NOTHING_BETWEEN ? null : (logOdds - b) / (a - b);
}

/**
 * The columns: every position from the first difference on, then every set that holds any.
 *
 * @param {Axes} axes
 * @returns {Place[]}
 */
export function placesOf(axes) {
  /** @type {Place[]} */
  const single = axes.positions.map((position, index) => {
    const token = axes.tokens_b[position];
    const from = axes.positions_a[index];
    return {
      kind: "position",
      index,
      name: visible(token.text),
      title: `${visible(token.text)}, position ${position}, from A's ${from}`,
      token,
      from,
    };
  });
  const together = axes.sets.flatMap(({ name, positions, sentence }, index) =>
    positions.length
      ? [
          /** @type {Place} */ ({
            kind: "set",
            index,
            name: SETS[name] || name,
            title: `${sentence}: ${positions.length} together`,
            token: null,
            from: null,
          }),
        ]
      : [],
  );
  return [...single, ...together];
}

/**
 * Sets of this pair that no position is of, in words; "" for none.
 *
 * @param {Axes} axes
 */
export function emptySets(axes) {
  const none = axes.sets.filter((one) => !one.positions.length).map((one) => one.sentence);
  return none.length ? `Not here: ${none.join("; ")}.` : "";
}

/**
 * The layers that the map will have.
 *
 * @param {Begun} job
 */
export const layersOf = ({ axes, body }) => axes.n_rows / (body.unrelated ? 2 : 1);

/**
 * One cell; undefined while its row is on the way.
 *
 * @param {Begun} job
 * @param {Source} source
 * @param {number} layer
 * @param {Place} place
 * @returns {Cell | undefined}
 */
export function cellAt({ axes, rows }, source, layer, place) {
  const row = rows.find((one) => one.source === source && one.layer === layer);
  if (!row) return undefined;
  return cellOf(row, place, axes.ends.cells.log_odds);
}

/**
 * @param {Row} row
 * @param {Place} place
 * @param {number[]} ends
 * @returns {Cell}
 */
function cellOf(row, place, ends) {
  /** @type {Cells} */
  const found = place.kind === "set" ? row.sets : row.cells;
  const k = place.index;
  return {
    place,
    source: row.source,
    layer: row.layer,
    restored: restored(found.log_odds[k], ends),
    log_odds: found.log_odds[k],
    probability_a: found.probability_a[k],
    probability_b: found.probability_b[k],
    text: found.text[k],
    flipped: found.flipped[k],
  };
}

/**
 * A share as it stands in a cell: two decimals and a true minus; 0 only where nothing changed.
 *
 * @param {number | null} value
 */
export function figure(value) {
  if (value === null) return "–";
  if (value === 0) return "0";
  const text = value.toFixed(2).replace("-", "−");
  return text === "−0.00" ? "0.00" : text;
}

/**
 * Which colour, and how much of it: [towards A, 0..1]. Beyond A's run nothing grows deeper.
 *
 * @param {number | null} value
 * @returns {[boolean, number]}
 */
export const toneOf = (value) =>
  value === null ? [true, 0] : [value >= 0, Math.min(1, Math.abs(value))];

/**
 * What a cell says, in a sentence.
 *
 * @param {Cell} cell
 * @param {Axes} axes
 */
export function cellWords(cell, axes) {
  const { answer_a: a, answer_b: b } = axes.ends;
  const whose = cell.source === "a" ? "A's state" : "the unrelated prompt's state";
  const share = cell.restored === null ? "nothing to restore" : `restored ${figure(cell.restored)}`;
  return (
    `${whose} after layer ${cell.layer} at ${cell.place.title}: ${share}; ` +
    `log-odds ${number(cell.log_odds)} nats; ${visible(a.text)} ${percent(cell.probability_a)}, ` +
    `${visible(b.text)} ${percent(cell.probability_b)}; next ${visible(cell.text)}` +
    (cell.flipped ? ", which is A's answer" : "")
  );
}

/**
 * Both runs without any patch, in a sentence.
 *
 * @param {Axes} axes
 */
export function endsWords({ ends }) {
  const { answer_a: a, answer_b: b, cells } = ends;
  const [pa, pb] = [cells.probability_a, cells.probability_b];
  return (
    `Answers: A ${visible(a.text)} (${percent(pa[0])} in A's run, ${percent(pa[1])} in B's), ` +
    `B ${visible(b.text)} (${percent(pb[1])} in B's run, ${percent(pb[0])} in A's). ` +
    `Log-odds of A's answer against B's: ${number(cells.log_odds[0])} nats in A's run, ` +
    `${number(cells.log_odds[1])} in B's.`
  );
}

/**
 * Why the map says nothing of these two answers; "" where it does.
 *
 * @param {Axes} axes
 */
export function endsProblem({ ends }) {
  /** @type {Interval} */
  const [a, b] = [ends.cells.log_odds[0], ends.cells.log_odds[1]];
  if (restored(a, [a, b]) === null)
    return "Both runs are answered alike, so nothing can be restored: name two other answers.";
  return a < b ? "A's run favours A's answer less than B's run does: 1 is still A's run." : "";
}

/**
 * How far a map is: "7 of 18 layers, then the control".
 *
 * @param {Begun} job
 */
export function progressWords(job) {
  const layers = layersOf(job);
  /** @param {Source} source */
  const done = (source) => job.rows.filter((row) => row.source === source).length;
  const own = `${done("a")} of ${layers} layers`;
  const control = job.body.unrelated ? `, ${done("unrelated")} of ${layers} of the control` : "";
  const stopped = job.status === "stopped" ? "; stopped, what came is kept" : "";
  return own + control + stopped;
}

const HEAD = [
  "source",
  "layer",
  "place",
  "position",
  "position_a",
  "token",
  "restored",
  "log_odds_nats",
  "probability_a",
  "probability_b",
  "next_token",
  "flipped",
  "sham_largest_logit_change",
];

/**
 * Every cell that came, for a spreadsheet.
 *
 * @param {Begun} job
 */
export function travelTable({ axes, rows }) {
  const places = placesOf(axes);
  return [
    HEAD,
    ...rows.flatMap((row) =>
      places.map((place) => {
        const cell = cellOf(row, place, axes.ends.cells.log_odds);
        const { kind, name, token, from } = place;
        return [
          row.source,
          row.layer,
          kind === "set" ? `set ${name}` : "position",
          token ? token.position : "",
          from ?? "",
          token ? token.text : "",
          cell.restored ?? "",
          cell.log_odds,
          cell.probability_a,
          cell.probability_b,
          cell.text,
          cell.flipped ? 1 : 0,
          row.sham,
        ];
      }),
    ),
  ];
}
