/* What a firing matrix shows: defaults, and the names that addresses have for it. */

/** @import { View } from "../reactivation/matrix/types.js" */
/** @import { Values } from "./types.js" */

/**
 * What a firing matrix shows, under the names that addresses have for it.
 *
 * @param {Partial<View> | null | undefined} view
 * @param {string | null | undefined} locked
 * @param {string[] | null | undefined} pins
 * @returns {Values}
 */
export function viewQuery(view, locked, pins) {
  const shown = view || {};
  return {
    at: locked,
    pins: (pins || []).join(","),
    order: shown.order === "first" ? null : shown.order,
    locked: shown.locked ? 1 : null,
    from_source: shown.source ? 1 : null,
    function_only: shown.only_function ? 1 : null,
    pinned: shown.pinned ? 1 : null,
    class: shown.at_class,
    least: shown.least,
    density_from: shown.density_from,
    density: shown.density,
    find: shown.find,
  };
}

/** @type {View} */
export const DEFAULT_VIEW = {
  order: "first",
  locked: false,
  source: false,
  only_function: false,
  pinned: false,
  at_class: "",
  least: null,
  density_from: null,
  density: null,
  find: "",
};
