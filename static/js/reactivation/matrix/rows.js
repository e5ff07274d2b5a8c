/* From inspect responses to what the firing matrix draws: columns shared by the prompts, and one
 * row a feature. Pure functions; words as the product defines them:
 *   first       first firing at a non-special position of that prompt (new)
 *   reactivated a later firing; carried when it also fired at the position just before
 * Firings at special positions (BOS, PAD, turn markers) are drawn but never counted; those in a
 * prefix are left out. */

import { describe } from "../../shared/tokens/words.js";
import { afterPrefix, prefixOf } from "../../shared/tokens/prefix.js";
import { CARRIED, FIRST, REACTIVATED, SPECIAL } from "./kinds.js";
import { align } from "./pair.js";

/** @import { Column, FeatureRow, Prompt, Track } from "./types.js" */
/** @import { FeatureInfo, Token } from "../../shared/types.js" */

/**
 * Columns of the matrix: one per aligned position after the prefix; `at[lane]` is the position
 * there or null.
 *
 * @param {Prompt[]} prompts
 * @returns {Column[]}
 */
export function alignedColumns(prompts) {
  const own = prompts.map((prompt) => afterPrefix(prompt.tokens));
  const first = prompts.map((prompt) => prefixOf(prompt.tokens).length);
  const pairs = own.length === 2 ? align(own[0], own[1]) : (own[0] || []).map((_, i) => [i]);
  const positions = pairs.map((pair) =>
    pair.map((i, lane) => (i === null ? null : first[lane] + i)),
  );
  return positions.map((at) => {
    const tokens = at.map((position, lane) =>
      position === null ? null : prompts[lane].tokens[position],
    );
    const present = tokens.flatMap((token) => token ?? []);
    return {
      at,
      tokens,
      differs:
        present.length < tokens.length || present.some((t) => t.token_id !== present[0].token_id),
      isFunction: present.some((t) => t.token_class === "function"),
      isSpecial: present.every((t) => t.token_class === "special"),
      isGenerated: present.some((t) => t.generated),
    };
  });
}

/**
 * @param {number} feature
 * @param {FeatureInfo | undefined} info
 * @param {number} nLanes
 * @returns {FeatureRow}
 */
function emptyRow(feature, info, nLanes) {
  /** @type {Track[]} */
  const lanes = [];
  for (let lane = 0; lane < nLanes; lane += 1)
    lanes.push({ columns: [], activations: [], kinds: [], last: -2 });
  return {
    feature,
    lanes,
    first: Infinity,
    firings: 0,
    reactivated: 0,
    atFunction: 0,
    largest: 0,
    classes: { function: 0, content: 0, special: 0 },
    density: info?.density ?? null,
    words: describe(info),
  };
}

/**
 * @param {FeatureRow} row
 * @param {number} lane
 * @param {number} column
 * @param {number} position
 * @param {Token} token
 * @param {number} activation
 */
function addFiring(row, lane, column, position, token, activation) {
  const track = row.lanes[lane];
  let kind = SPECIAL;
  if (token.token_class !== "special") {
    kind = track.last < -1 ? FIRST : track.last === position - 1 ? CARRIED : REACTIVATED;
    track.last = position;
    row.first = Math.min(row.first, column);
    if (kind !== FIRST) {
      row.reactivated += 1;
      if (token.token_class === "function") row.atFunction += 1;
    }
  }
  row.classes[token.token_class] += 1;
  if (kind !== SPECIAL) row.firings += 1;
  row.largest = Math.max(row.largest, activation);
  track.columns.push(column);
  track.activations.push(activation);
  track.kinds.push(kind);
}

/**
 * One row per feature that fires in any prompt. Firings come sorted by position.
 *
 * @param {Prompt[]} prompts
 * @param {Column[]} columns
 * @param {Record<number, FeatureInfo>} info
 */
export function featureRows(prompts, columns, info) {
  /** @type {Map<number, FeatureRow>} */
  const byFeature = new Map();
  prompts.forEach((prompt, lane) => {
    const columnAt = new Int32Array(prompt.tokens.length);
    columns.forEach((column, index) => {
      if (column.at[lane] !== null) columnAt[column.at[lane]] = index;
    });
    const { position, feature_index: feature, activation } = prompt.firings;
    for (let k = 0; k < position.length; k += 1) {
      if (prompt.tokens[position[k]].prefix) continue; // no earlier firing, and no column
      let row = byFeature.get(feature[k]);
      if (!row) {
        row = emptyRow(feature[k], info[feature[k]], prompts.length);
        byFeature.set(feature[k], row);
      }
      addFiring(
        row,
        lane,
        columnAt[position[k]],
        position[k],
        prompt.tokens[position[k]],
        activation[k],
      );
    }
  });
  return byFeature;
}
