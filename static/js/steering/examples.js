/* What a request of the Steering page says of what comes before the prompt, examples or turns of a
 * conversation, and of where a text ends. Pure. */

/** @import { Turn } from "../shared/types.js" */
/** @import { SteerSettings } from "./types.js" */

/**
 * Nothing where there are none, so that other requests stay what they were. A chat template takes
 * no prefix.
 *
 * @param {string | null | undefined} prefix
 * @param {string[] | null | undefined} stop
 * @param {boolean | null | undefined} chat
 * @param {Turn[] | null} [turns]
 */
export const examples = (prefix, stop, chat, turns) => ({
  ...(prefix && !chat ? { prefix } : {}),
  ...(stop && stop.length ? { stop } : {}),
  ...(turns && turns.length && chat ? { turns } : {}),
});

/**
 * The same of a request that is there already, for another request of the page; null is none.
 *
 * @param {Pick<SteerSettings, "prefix" | "stop" | "chat" | "turns"> | null | undefined} request
 */
export const examplesOf = (request) =>
  request ? examples(request.prefix, request.stop, request.chat, request.turns) : {};
