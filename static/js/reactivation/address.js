/* Addresses of the live pages: only what differs from the defaults, so that a link says what was
 * chosen. */

import { writeAddress } from "../shared/address.js";
import { noUpdate } from "../shared/dash.js";
import { viewQuery } from "../shared/matrix_view.js";

/** @import { Prompt, View } from "./matrix/types.js" */

/**
 * @param {string} a
 * @param {string} b
 * @param {{ prompt: string, second: string }} defaults
 */
function promptsIn(a, b, defaults) {
  return a === defaults.prompt && b === defaults.second ? {} : { prompt: a, second: b || null };
}

/**
 * @param {Prompt[] | null} prompts
 * @param {string} saeId
 * @param {string | null} locked
 * @param {string[] | null} pins
 * @param {Partial<View> | null} view
 * @param {boolean} shuffled
 * @param {boolean} measured
 * @param {{ generate?: number } | null} asked
 * @param {{ prompt: string, second: string, sae: string } | null} defaults
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
  defaults,
) {
  if (!prompts || !prompts.length || !defaults) return noUpdate();
  return writeAddress(
    "/reactivation",
    Object.assign(
      promptsIn(prompts[0].prompt, prompts[1] ? prompts[1].prompt : "", defaults),
      { sae: saeId === defaults.sae ? null : saeId },
      viewQuery(view, locked, pins),
      {
        generate: (asked && asked.generate) || null,
        shuffled: shuffled === false ? 0 : null,
        set: measured ? 1 : null,
      },
    ),
  );
}

/**
 * [a sentence, the page's class] while the boxes hold other prompts than what the page shows is of.
 *
 * @param {string} a
 * @param {string} b
 * @param {Prompt[] | null} prompts
 */
export function staleRun(a, b, prompts) {
  const shown = (prompts || []).map((prompt) => prompt.prompt);
  const stale = shown.length > 0 && [a, b].filter(Boolean).join("\u0000") !== shown.join("\u0000");
  return [
    stale ? "Edited since the last run: all below is of the earlier prompt." : "",
    "fs-live-page" + (stale ? " is-stale" : ""),
  ];
}

/**
 * @param {number | null} clicks
 * @param {{ prompt: string, second: string } | null} defaults
 * @returns {unknown[]}
 */
export function builtInPair(clicks, defaults) {
  if (!clicks || !defaults) return [noUpdate(), noUpdate(), noUpdate()];
  return [defaults.prompt, defaults.second, { pair: clicks }];
}
