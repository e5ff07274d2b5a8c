/* Two prompts side by side: how their tokens are lined up, and what differs at each aligned
 * position. Pure functions. The alignment is a token edit distance: the fewest substitutions,
 * insertions and deletions that make A into B, each worth 1. Among alignments with equally few
 * edits, the one with the most substitutions within a class (a content word under a content word),
 * and among those the one that pairs latest. A generated token is never paired with a token of a
 * prompt. */

import { visible } from "../../shared/tokens/words.js";
import { CARRIED, REACTIVATED } from "./kinds.js";

/** @import { Column, Compared, Differences, FeatureRow, Groups, Model } from "./types.js" */
/** @import { Token } from "../../shared/types.js" */

const EDIT = 1 << 12; // outweighs any number of substitutions within a class, up to 4,095 tokens

const NEVER = 1 << 28;

/** @param {Token} token */
const generated = (token) => Boolean(token.generated);

/**
 * What pairing a with b costs: 0 for equal tokens, an edit for others, a little less within a
 * class.
 *
 * @param {Token} a
 * @param {Token} b
 */
function substitution(a, b) {
  if (generated(a) !== generated(b)) return NEVER;
  if (a.token_id === b.token_id) return 0;
  return a.token_class === b.token_class ? EDIT - 1 : EDIT;
}

/**
 * best[i * (m + 1) + j]: the least cost of lining up a[i…] with b[j…].
 *
 * @param {Token[]} a
 * @param {Token[]} b
 */
function costs(a, b) {
  const width = b.length + 1;
  const best = new Int32Array((a.length + 1) * width);
  for (let i = a.length; i >= 0; i -= 1) {
    for (let j = b.length; j >= 0; j -= 1) {
      if (i === a.length || j === b.length) {
        best[i * width + j] = EDIT * (a.length - i + b.length - j);
        continue;
      }
      const paired = best[(i + 1) * width + j + 1] + substitution(a[i], b[j]);
      best[i * width + j] = Math.min(
        paired,
        EDIT + best[(i + 1) * width + j],
        EDIT + best[i * width + j + 1],
      );
    }
  }
  return best;
}

/**
 * Pairs of indices in order: [[i, j], [i, null], [null, j], …]. Equal beginnings and ends are cut
 * off first, which costs nothing.
 *
 * @param {Token[]} a
 * @param {Token[]} b
 * @returns {[number | null, number | null][]}
 */
export function align(a, b) {
  /**
   * @param {Token} x
   * @param {Token} y
   */
  const same = (x, y) => x.token_id === y.token_id && generated(x) === generated(y);
  let head = 0;
  while (head < a.length && head < b.length && same(a[head], b[head])) head += 1;
  let tail = 0;
  const rest = Math.min(a.length, b.length) - head;
  while (tail < rest && same(a[a.length - 1 - tail], b[b.length - 1 - tail])) tail += 1;
  const [middleA, middleB] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const best = costs(middleA, middleB);
  const width = middleB.length + 1;
  /** @type {[number | null, number | null][]} */
  const pairs = [];
  for (let k = 0; k < head; k += 1) pairs.push([k, k]);
  let [i, j] = [0, 0];
  while (i < middleA.length || j < middleB.length) {
    const here = best[i * width + j];
    const [inA, inB] = [i < middleA.length, j < middleB.length];
    if (inB && here === EDIT + best[i * width + j + 1]) pairs.push([null, head + j++]);
    else if (inA && here === EDIT + best[(i + 1) * width + j]) pairs.push([head + i++, null]);
    else pairs.push([head + i++, head + j++]);
  }
  for (let k = tail; k > 0; k -= 1) pairs.push([a.length - k, b.length - k]);
  return pairs;
}

/**
 * Per column, how many features fire there only in A, in both prompts, only in B.
 *
 * @param {FeatureRow[]} all
 * @param {number} nColumns
 * @returns {Differences}
 */
export function countDifferences(all, nColumns) {
  const found = {
    A: new Int32Array(nColumns),
    both: new Int32Array(nColumns),
    B: new Int32Array(nColumns),
  };
  all.forEach((row) => {
    if (row.lanes.length < 2) return;
    const [a, b] = [row.lanes[0].columns, row.lanes[1].columns];
    let [i, j] = [0, 0];
    while (i < a.length || j < b.length) {
      if (j >= b.length || a[i] < b[j]) found.A[a[i++]] += 1;
      else if (i >= a.length || b[j] < a[i]) found.B[b[j++]] += 1;
      else {
        found.both[a[i++]] += 1;
        j += 1;
      }
    }
  });
  return found;
}

/**
 * Columns of `lane`'s own prompt at which the prompts differ.
 *
 * @param {Model} model
 * @param {number} lane
 */
function differingColumns(model, lane) {
  /** @param {Column} column */
  const differs = (column) =>
    column.differs &&
    column.tokens[lane] &&
    !generated(column.tokens[lane]) &&
    column.tokens[lane].token_class !== "special";
  return model.columns
    .map((column, index) => (differs(column) ? index : -1))
    .filter((index) => index >= 0);
}

/**
 * What becomes, at `column`, of the features that fired before it where the prompts differ:
 * {columns, fired, again}, counts of features of `lane`.
 *
 * @param {Model} model
 * @param {number} lane
 * @param {number} column
 */
export function carriedOver(model, lane, column) {
  const columns = differingColumns(model, lane).filter((index) => index < column);
  const before = model.all.filter((row) =>
    row.lanes[lane].columns.some((c) => columns.includes(c)),
  );
  const again = before.filter((row) => row.lanes[lane].columns.includes(column));
  return { columns, fired: before.length, again: again.length };
}

/**
 * @param {Compared[]} list
 * @param {number} lane
 * @param {number} column
 */
function kindsOf(list, lane, column) {
  const counts = { fresh: 0, again: 0 };
  list.forEach(([row]) => {
    const track = row.lanes[lane];
    const kind = track.kinds[track.columns.indexOf(column)];
    counts[kind === REACTIVATED || kind === CARRIED ? "again" : "fresh"] += 1;
  });
  return counts;
}

/**
 * Where the difference of the pair comes from, counted: new or reactivated, and what became of the
 * features of the words in which the prompts differ.
 *
 * @param {Model} model
 * @param {Groups} groups
 * @param {number[]} columns
 */
export function originSentence(model, groups, columns) {
  if (columns.every((column) => column < 0))
    return (
      "Nothing is compared: no token of these prompts is known as a function token. Lock one, " +
      "and the features that fire there are."
    );
  const parts = ["A", "B"].map((name, lane) => {
    const { fresh, again } = kindsOf(groups[name], lane, columns[lane]);
    return `only in ${name} ${fresh} new and ${again} reactivated`;
  });
  const words = ["A", "B"].map((name, lane) => {
    const { columns: at, fired, again } = carriedOver(model, lane, columns[lane]);
    const tokens = at
      .map((index) => visible(model.columns[index].tokens[lane]?.text ?? ""))
      .join(" ");
    return at.length && at.length <= 6
      ? `Of the ${fired} features that fired at ${tokens} in ${name}, ${again} fire again here.`
      : "";
  });
  const same = !groups.A.length && !groups.B.length;
  const first = same
    ? "The same features fire here in both prompts."
    : `Of what fires here: ${parts.join(", ")}.`;
  return [first, ...words].filter(Boolean).join(" ");
}
