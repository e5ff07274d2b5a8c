/* Addresses of the live pages: only what differs from the defaults, so that a link says what was
 * chosen. */

import { EMPTY, prefixIn, writeAddress } from "../shared/address.js";
import { noUpdate } from "../shared/dash.js";
import { talkOf, writtenTurns } from "../shared/tokens/turns.js";
import { viewQuery } from "../shared/matrix_view.js";

/** @import { Prompt, View } from "./matrix/types.js" */
/** @import { Ran, TravelSettings } from "./travel/types.js" */
/** @import { WordsSettings } from "./words/types.js" */
/** @import { Turn } from "../shared/types.js" */
/** @typedef {{ generate?: number, prefix?: string, chat?: boolean, turns?: Turn[] }} Asked */
/** @typedef {{ prompt: string, second: string, prefix?: string, chat?: boolean }} Opened */

/**
 * @param {string} a
 * @param {string} b
 * @param {Opened} defaults
 */
function promptsIn(a, b, defaults) {
  return a === defaults.prompt && b === defaults.second ? {} : { prompt: a, second: b || null };
}

/**
 * An unrelated prompt that was emptied is no control, and says so.
 *
 * @param {TravelSettings} settings
 */
const travelIn = (settings) => ({
  ...settings,
  unrelated: settings.unrelated === "" ? EMPTY : settings.unrelated,
});

/**
 * @param {Asked | null} asked
 * @param {Opened} defaults
 */
function talkIn(asked, defaults) {
  const chat = Boolean(asked && asked.chat);
  return {
    chat: asked && chat !== Boolean(defaults.chat) ? Number(chat) : null,
    turns: writtenTurns(asked && asked.turns),
  };
}

/**
 * What was run, for the panels that ask the model themselves.
 *
 * @param {Ran | null} asked
 */
export const ran = (asked) => [asked, asked];

/**
 * @param {Prompt[] | null} prompts
 * @param {string} saeId
 * @param {string | null} locked
 * @param {string[] | null} pins
 * @param {Partial<View> | null} view
 * @param {boolean} shuffled
 * @param {boolean} measured
 * @param {Asked | null} asked
 * @param {string | null} source
 * @param {WordsSettings} words
 * @param {TravelSettings} travel
 * @param {string | null} own
 * @param {(Opened & { sae: string }) | null} defaults
 */
export function reactivationAddress(
  prompts,
  saeId,
  locked,
  pins,
  view,
  shuffled,
  measured,
  asked,
  source,
  words,
  travel,
  own,
  defaults,
) {
  if (!prompts || !prompts.length || !defaults) return noUpdate();
  return writeAddress(
    "/reactivation",
    Object.assign(
      promptsIn(prompts[0].prompt, prompts[1] ? prompts[1].prompt : "", defaults),
      asked && asked.chat ? {} : prefixIn((asked && asked.prefix) || "", defaults.prefix || ""),
      talkIn(asked, defaults),
      { sae: saeId === defaults.sae ? null : saeId, source },
      viewQuery(view, locked, pins),
      {
        generate: (asked && asked.generate) || null,
        shuffled: shuffled === false ? 0 : null,
        set: measured ? 1 : null,
        own: own || null,
      },
      words,
      travelIn(travel),
    ),
  );
}

/**
 * [a sentence, the page's class] while the boxes hold other prompts than what the page shows is of.
 *
 * @param {string} a
 * @param {string} b
 * @param {string | null} prefix
 * @param {Prompt[] | null} prompts
 * @param {Asked | null} asked
 * @param {boolean | null} [chat]
 * @param {Turn[] | null} [turns]
 */
export function staleRun(a, b, prefix, prompts, asked, chat, turns) {
  const shown = (prompts || []).map((prompt) => prompt.prompt);
  const other = [a, b].filter(Boolean).join("\u0000") !== shown.join("\u0000");
  const talk = JSON.stringify(talkOf(chat, turns));
  const before =
    asked &&
    (talk !== JSON.stringify(talkOf(asked.chat, asked.turns)) ||
      (!chat && (asked.prefix || "") !== (prefix || "")));
  const stale = shown.length > 0 && Boolean(other || before);
  return [
    stale ? "Edited since the last run: all below is of the earlier prompt." : "",
    "fs-live-page" + (stale ? " is-stale" : ""),
  ];
}

/**
 * @param {number | null} clicks
 * @param {Opened | null} defaults
 * @returns {unknown[]}
 */
export function builtInPair(clicks, defaults) {
  if (!clicks || !defaults) return [noUpdate(), noUpdate(), noUpdate(), noUpdate()];
  return [defaults.prompt, defaults.second, defaults.prefix || "", { pair: clicks }];
}
