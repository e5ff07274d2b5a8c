/* What the frame's callbacks call. */

import { inside } from "../shared/base.js";
import { noUpdate } from "../shared/dash.js";
import { scheme } from "./scheme.js";

/** @import { Problem } from "../shared/types.js" */

export const currentScheme = () => scheme();

export const dismiss = () => null;

/**
 * The page that the rail marks as current: the deepest link that the path begins with.
 *
 * @param {string} pathname
 */
function markCurrent(pathname) {
  const shown = inside(pathname);
  for (const item of document.querySelectorAll(".fs-rail [data-path]")) {
    const path = String(item.getAttribute("data-path"));
    const here = path === "/" ? shown === "/" : shown === path || shown.startsWith(`${path}/`);
    const link = item.querySelector("a");
    if (here) link?.setAttribute("aria-current", "page");
    else link?.removeAttribute("aria-current");
  }
}

/**
 * @param {string} title
 * @param {string} pathname
 */
export function onRoute(title, pathname) {
  document.title = title;
  markCurrent(pathname);
  return noUpdate(); // as a prop it would be said on hover, everywhere on the page
}

/**
 * Problem -> the status line's class, sentence and request id.
 *
 * @param {Partial<Problem> | null} data
 */
export function showProblem(data) {
  if (!data) return ["fs-status", "", ""];
  const sentence = [data.title, data.detail].filter(Boolean).join(": ");
  return ["fs-status fs-status--problem", sentence, data.request_id ?? ""];
}
