/* The arms of a steered text: their order, names, and rows for a spreadsheet. */

import { percent } from "../shared/number.js";
import { alignTokens } from "./align.js";

/** @import { NextToken } from "../shared/types.js" */
/** @import { Arms, ShownRun } from "./types.js" */

const ARMS = ["baseline", "steered", "content_position", "random_feature", "sign_flipped"];

/** @type {Record<string, string>} */
export const ARM_TITLES = {
  baseline: "Baseline",
  steered: "Steered",
  content_position: "Elsewhere",
  random_feature: "Other feature",
  sign_flipped: "Sign flipped",
};

/** @type {Record<string, (where: string) => string>} */
export const GLOSSES = {
  baseline: () => "no edit",
  steered: () => "the recipe",
  content_position: (where) => (where ? `same edit at ${where}` : "same edit, content token"),
  random_feature: () => "random, same norm",
  sign_flipped: () => "the opposite edit",
};

/**
 * Why an arm's KL is 0, where its sentence says that it could be nothing else.
 *
 * @param {string} sentence
 */
export const constructed = (sentence) =>
  /After the last layer[^.]* by construction\./.exec(sentence)?.[0] ?? null;

/** @param {Arms} arms */
export const armNames = (arms) =>
  ARMS.filter((name) => arms[name]).concat(
    Object.keys(arms).filter((name) => !ARMS.includes(name)),
  );

/**
 * One token's place in words: what it is, how probable in its arm, and what the baseline wrote
 * there.
 *
 * @param {string} name
 * @param {NextToken[]} tokens
 * @param {number} k
 * @param {NextToken[] | null | undefined} baseline
 */
export function tokenWords(name, tokens, k, baseline) {
  const token = tokens[k];
  const here =
    `token ${k + 1}: ${JSON.stringify(token.text)}, ${percent(token.probability)} in ` +
    `${(ARM_TITLES[name] || name).toLowerCase()}`;
  if (!baseline || name === "baseline") return `${here}; id ${token.token_id}`;
  const other = baseline[k];
  if (!other) return `${here}; the baseline has ended`;
  return other.token_id === token.token_id
    ? `${here}; ${percent(other.probability)} in baseline`
    : `${here}; the baseline wrote ${JSON.stringify(other.text)}, ${percent(other.probability)}`;
}

/**
 * Every token of every arm as a row for a spreadsheet; `partner` is the baseline's token that it is
 * aligned with.
 *
 * @param {ShownRun} run
 */
export function textsTable(run) {
  const rows = run.passes.flatMap((pass) =>
    armNames(pass.arms).flatMap((name) =>
      pass.arms[name].texts.flatMap((tokens, sample) => {
        const baseline = (pass.arms.baseline && pass.arms.baseline.texts[sample]) || [];
        const { partner } = alignTokens(
          tokens.map((t) => t.token_id),
          baseline.map((t) => t.token_id),
        );
        return tokens.map((token, k) => [
          name,
          pass.request.temperature > 0 ? sample + 1 : "greedy",
          k,
          token.text,
          token.token_id,
          token.probability,
          partner[k] === null ? "" : partner[k],
        ]);
      }),
    ),
  );
  return [["arm", "sample", "index", "token", "token_id", "probability", "partner"], ...rows];
}
