/* One sentence on what is under the pointer in the firing matrix. */

import { number, percent } from "../../shared/number.js";
import { visible } from "../../shared/tokens/words.js";
import { KIND_NAMES } from "./kinds.js";

/** @import { Scene } from "./types.js" */
/** @import { Token } from "../../shared/types.js" */

const LANES = ["A", "B"];

export const HINT =
  "Point at a mark. ← → walk the tokens, f and F the function tokens. A click on a token " +
  "locks it, with Shift a range, with Ctrl one more; s makes it the source; a click on a row " +
  "pins the feature.";

/**
 * @param {Scene} scene
 * @param {number} lane
 * @param {Token} token
 */
function shuffledWords(scene, lane, token) {
  const row =
    scene.baselines && scene.baselines[lane] ? scene.baselines[lane][token.position] : null;
  if (!row) return "";
  const [low, high] = row.reactivated.interval;
  return (
    ` (shuffled: ${number(row.reactivated.mean)} reactivated, ${number(low)} to ` +
    `${number(high)}${row.kept ? ", same token" : ""})`
  );
}

/**
 * One sentence on what is under the pointer.
 *
 * @param {Scene} scene
 * @param {number | null} column
 * @param {number | null} row
 */
export function readout(scene, column, row) {
  /** @type {string[]} */
  const parts = [];
  if (column !== null) {
    scene.columns[column].tokens.forEach((token, lane) => {
      if (!token) return;
      const split = scene.prompts[lane].splits[token.position];
      const name = scene.prompts.length > 1 ? LANES[lane] + " " : "";
      parts.push(
        `${name}${visible(token.text)} ` +
          `(${token.generated ? "generated, " : ""}${token.token_class}, position ` +
          `${token.position})` +
          (split
            ? `: ${split.new} new, ${split.reactivated} reactivated of which ${split.carried} ` +
              `carried` +
              shuffledWords(scene, lane, token)
            : ""),
      );
    });
    if (scene.prompts.length > 1) {
      const { A, both, B } = scene.differences;
      parts.push(`${A[column]} only in A, ${both[column]} in both, ${B[column]} only in B`);
    }
  }
  if (row !== null && scene.rows[row]) {
    const it = scene.rows[row];
    parts.push(
      `feature ${it.feature}${it.words ? " " + it.words : ""}` +
        (it.density === null ? "" : `, density ${percent(it.density)}`),
    );
    it.lanes.forEach((track, lane) => {
      const k = column === null ? -1 : track.columns.indexOf(column);
      if (k >= 0)
        parts.push(
          `${it.lanes.length > 1 ? LANES[lane] + " " : ""}${KIND_NAMES[track.kinds[k]]}, ` +
            `activation ${number(track.activations[k])}`,
        );
    });
  }
  return parts.join("  ·  ") || HINT;
}
