/* Elements of the page by name. */

/** @import { Values } from "../shared/types.js" */

export const GRAPHS = ["loss", "features", "degree"];

/**
 * @param {string} name
 * @returns {HTMLInputElement | null}
 */
export const byId = (name) =>
  /** @type {HTMLInputElement | null} */ (document.getElementById(`consolidation-${name}`));

/**
 * As byId, of what stands on the page whenever this is asked.
 *
 * @param {string} name
 */
export function part(name) {
  const found = byId(name);
  if (!found) throw new Error(`the page has no part ${name}`);
  return found;
}

/**
 * @param {string} name
 * @returns {PlotlyFigure | null}
 */
export const plotOf = (name) => byId(name)?.querySelector(".js-plotly-plot") ?? null;

/**
 * @param {string} tag
 * @param {Values} attributes
 * @param {...(Node | string | null)} children
 */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    made.setAttribute(name, String(value));
  made.append(...children.flatMap((child) => (child === null ? [] : [child])));
  return made;
}
