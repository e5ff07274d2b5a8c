/* How a token, and a feature by its tokens, reads anywhere in the product. */

/** @import { FeatureInfo, Token } from "../types.js" */

const CONTROL =
  // eslint-disable-next-line no-control-regex -- these characters are what it is for
  /[\0-\u0008\u000b\f\u000e-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/**
 * How a token reads anywhere in the product: ↵ newline, · leading space, ⇥ tab, no invisible text.
 *
 * @param {string} text
 */
export function visible(text) {
  if (text === "") return "∅";
  return text
    .replace(/\r/g, "␍")
    .replace(/\n/g, "↵")
    .replace(/\t/g, "⇥")
    .replace(/^ +/, (spaces) => "·".repeat(spaces.length))
    .replace(/ /g, "\u00a0")
    .replace(CONTROL, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

/**
 * Hover text of a token: escaped text, id, class.
 *
 * @param {Omit<Token, "position"> & { position?: number }} token
 */
export const tokenTitle = (token) =>
  `${JSON.stringify(token.text)} · token ${token.token_id} · ${token.token_class}` +
  (token.template ? " · the chat template's own" : "") +
  (token.position === undefined ? "" : ` · position ${token.position}`);

/**
 * Tokens in a line; a wide space between them, since a comma is a token.
 *
 * @param {string[]} words
 */
export const inLine = (words) => words.join("\u2003");

/**
 * What a feature is called by: tokens at which it fires beyond chance; in older answers the most
 * frequent ones.
 *
 * @template T
 * @param {{ name_tokens?: T[] | null, top_tokens?: T[] | null } | null | undefined} info
 * @returns {T[]}
 */
export const calledBy = (info) =>
  (info && info.name_tokens && info.name_tokens.length
    ? info.name_tokens
    : info && info.top_tokens) || [];

/**
 * "Russia Moscow": what a feature is called; a person's own label goes before, in quotes.
 *
 * @param {FeatureInfo | null | undefined} info
 * @param {number} [count]
 */
export function describe(info, count) {
  const words = calledBy(info).map((text) => visible(text).replace(/^·(?=.)/, ""));
  const shown = inLine([...new Set(words)].slice(0, count || 3));
  return info?.label ? `“${info.label}” ${shown}`.trim() : shown;
}

/**
 * The next (step 1) or previous (step -1) index after `from` whose token is of class function.
 *
 * @param {(Token | null | undefined)[]} tokens
 * @param {number} from
 * @param {number} step
 */
export function nextFunction(tokens, from, step) {
  for (let i = from + step; i >= 0 && i < tokens.length; i += step) {
    if (tokens[i]?.token_class === "function") return i;
  }
  return from;
}
