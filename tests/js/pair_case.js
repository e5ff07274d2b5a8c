/* Random prompts for the Reactivation page's functions, the same ones at every run. */

import { alignedColumns, featureRows } from "../../static/js/reactivation/matrix/rows.js";

const CLASSES = ["function", "content"];

/** Numbers in 0..1 from a seed (mulberry32). */
export function numbers(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (most) => Math.floor(next() * most) };
}

/** BOS, then tokens of five ids whose class follows from the id; the last few may be generated. */
export function tokensOf(random, most) {
  const ids = Array.from({ length: random.below(most) }, () => 1 + random.below(5));
  const start = 1 + (random.next() < 0.5 ? ids.length : random.below(ids.length + 1));
  const bos = { position: 0, token_id: 0, token_class: "special", text: "<bos>" };
  const rest = ids.map((token_id, k) => {
    const token = { position: k + 1, token_id, token_class: CLASSES[token_id % 2], text: "x" };
    return k + 1 >= start ? { ...token, generated: true } : token;
  });
  return [bos, ...rest];
}

/**
 * A prompt of these tokens in which each of eight features fires at about three positions of ten.
 */
export function laneOf(tokens, random) {
  const firings = { position: [], feature_index: [], activation: [] };
  for (const { position } of tokens) {
    for (let feature = 0; feature < 8; feature += 1) {
      if (random.next() >= 0.3) continue;
      firings.position.push(position);
      firings.feature_index.push(feature);
      firings.activation.push(1 + random.next());
    }
  }
  return { tokens, firings };
}

const INFO = { 3: { density: 0.02, top_tokens: ["cat"] }, 4: { density: 0.5 } };

export function modelOf(prompts) {
  const columns = alignedColumns(prompts);
  const byFeature = featureRows(prompts, columns, INFO);
  return { prompts, columns, byFeature, all: [...byFeature.values()] };
}

/** [position, feature] of every firing. */
export const firingsOf = ({ firings }) =>
  firings.position.map((position, k) => [position, firings.feature_index[k]]);
