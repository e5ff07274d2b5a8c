/* The list of presets: on the pages where a prompt is typed, a choice takes it along. */

import { around } from "../shared/events.js";
import { inside } from "../shared/base.js";

/**
 * Page -> what its address calls a text, and the box that holds it.
 *
 * @type {Record<string, Record<string, string>>}
 */
const TYPED = {
  "/reactivation": { prompt: "reactivation-prompt-area", second: "reactivation-second-area" },
  "/steer": { prompt: "steer-prompt-area" },
};

/** @param {string} id */
function typed(id) {
  const box = document.getElementById(id);
  return box instanceof HTMLTextAreaElement ? box.value : "";
}

window.addEventListener(
  "click",
  (event) => {
    const link = /** @type {HTMLAnchorElement | null} */ (around(event, "a.fs-preset"));
    const boxes = link && TYPED[inside(window.location.pathname)];
    if (!link || !boxes) return;
    const address = new URL(link.href);
    for (const [name, id] of Object.entries(boxes))
      if (typed(id)) address.searchParams.set(name, typed(id));
    link.href = address.href;
  },
  true,
);
