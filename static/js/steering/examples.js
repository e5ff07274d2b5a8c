/* What a request of the Steering page says of examples before the prompt, and of where a text ends.
 * Pure. */

/** @import { SteerSettings } from "./types.js" */

/**
 * Nothing where there are none, so that other requests stay what they were. A chat template takes
 * no prefix.
 *
 * @param {string | null | undefined} prefix
 * @param {string[] | null | undefined} stop
 * @param {boolean | null | undefined} chat
 */
export const examples = (prefix, stop, chat) => ({
  ...(prefix && !chat ? { prefix } : {}),
  ...(stop && stop.length ? { stop } : {}),
});

/**
 * The same of a request that is there already, for another request of the page; null is none.
 *
 * @param {Pick<SteerSettings, "prefix" | "stop" | "chat"> | null | undefined} request
 */
export const examplesOf = (request) =>
  request ? examples(request.prefix, request.stop, request.chat) : {};
