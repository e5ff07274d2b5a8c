/* The prefix of a prompt: examples or earlier turns that are run once. Its tokens are marked
 * `prefix`. Pure. */

/** @import { Token } from "../types.js" */

/**
 * The tokens of the prompt itself.
 *
 * @param {Token[]} tokens
 */
export const afterPrefix = (tokens) => tokens.filter((token) => !token.prefix);

/**
 * The tokens before it.
 *
 * @param {Token[]} tokens
 */
export const prefixOf = (tokens) => tokens.filter((token) => token.prefix);
