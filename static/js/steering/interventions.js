/* Interventions: where a rule puts them, a new one, one that moves. */

import { number } from "../shared/number.js";
import { afterPrefix } from "../shared/tokens/prefix.js";

/** @import { Feature, Token } from "../shared/types.js" */
/** @import { Intervention, Plug, Positions } from "./types.js" */

const UNKNOWN_STRENGTH = 10; // when no build says how strongly a feature fires

let nextUid = 1;

/**
 * Positions that a rule means in this prompt. "all" is every position after the prefix, as the
 * server takes it.
 *
 * @param {Positions} positions
 * @param {Token[]} tokens
 * @param {number | null | undefined} lastFunction
 * @returns {number[]}
 */
export function resolvePositions(positions, tokens, lastFunction) {
  const own = afterPrefix(tokens);
  const there = new Set(own.map((token) => token.position));
  if (Array.isArray(positions)) return positions.filter((p) => there.has(p));
  if (positions === "all") return [...there];
  if (positions === "last") return tokens.length ? [tokens.length - 1] : [];
  return lastFunction === null || lastFunction === undefined ? [] : [lastFunction];
}

/**
 * A new intervention on `feature` {sae_id, feature_index, act_q999, value?}: add, once its 99.9th
 * percentile.
 *
 * @param {Feature} feature
 * @param {Positions} positions
 * @returns {Intervention}
 */
export function newIntervention(feature, positions) {
  const typical = feature.act_q999 ? Number(feature.act_q999.toPrecision(3)) : UNKNOWN_STRENGTH;
  return {
    uid: "i" + nextUid++,
    sae_id: feature.sae_id,
    feature_index: feature.feature_index,
    mode: "add",
    value: feature.value === undefined ? typical : feature.value,
    positions,
    on: true,
  };
}

/**
 * `feature` with its 99.9th percentile; as it came when no build knows it.
 *
 * @param {Feature} feature
 * @returns {Promise<Feature>}
 */
export async function withPercentile(feature) {
  if (feature.act_q999 || feature.value !== undefined) return feature;
  const sae = encodeURIComponent(feature.sae_id);
  const path = `/api/features/${sae}/${feature.feature_index}?limit=1`;
  const answer = await fetch(path)
    .then((response) => (response.ok ? response.json() : null))
    .catch(() => null);
  return Object.assign({}, feature, { act_q999: answer && answer.act_q999 });
}

/**
 * @param {Intervention} intervention
 * @param {number} position
 * @param {boolean} extend
 * @param {number | null} lastFunction
 * @param {Token[]} tokens
 * @returns {Positions}
 */
export function moved(intervention, position, extend, lastFunction, tokens) {
  const now = resolvePositions(intervention.positions, tokens, lastFunction);
  if (!extend) return position === lastFunction ? "last_function" : [position];
  const without = now.filter((p) => p !== position);
  const next =
    without.length < now.length && without.length
      ? without
      : now.concat(now.includes(position) ? [] : [position]);
  return next.sort((a, b) => a - b);
}

/**
 * @param {Intervention[]} interventions
 * @param {Token[]} tokens
 * @param {number | null} lastFunction
 * @returns {Plug[]}
 */
export function plugs(interventions, tokens, lastFunction) {
  return interventions.flatMap((it) =>
    resolvePositions(it.positions, tokens, lastFunction).map((position) => ({
      uid: it.uid,
      position,
      on: it.on,
      label: String(it.feature_index),
      title:
        `${it.mode}${it.mode === "ablate" ? "" : " " + number(it.value)} · feature ` +
        `${it.feature_index} of ${it.sae_id}${it.on ? "" : " · off"}`,
    })),
  );
}

/**
 * The socket that a new feature goes into: the one that was clicked; the last function token's, or
 * where none is known the last token's. Null without tokens.
 *
 * @param {number | null} clicked
 * @param {unknown[]} tokens
 * @param {number | null} lastFunction
 */
export function startSocket(clicked, tokens, lastFunction) {
  if (clicked !== null && clicked < tokens.length) return clicked;
  if (lastFunction !== null) return lastFunction;
  return tokens.length ? tokens.length - 1 : null;
}
