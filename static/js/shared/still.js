/* Parts of a page that no callback listens to: app/parts/still.py.
 *
 * tree: a string or number, or [tag, attributes, ...children]; "" draws the children alone, "Link"
 * stays in the page. */

import { follow } from "./dash.js";
import { Fragment, h, memo } from "./hooks/react.js";

/** @import { Component, Drawn } from "./hooks/types.js" */
/** @import { DashProps } from "./types.js" */

/** @type {Record<string, string | symbol>} */
const TAGS = { "": Fragment, Link: "a" };

/**
 * @param {any} node
 * @returns {Drawn}
 */
function drawn(node) {
  if (!Array.isArray(node)) return node;
  const [tag, attributes, ...children] = node;
  const props = tag === "Link" ? { ...attributes, onClick: follow } : attributes;
  return h(TAGS[tag] ?? tag, props, ...children.map(drawn));
}

/** @type {Component<DashProps & { tree: unknown }>} */
export const Still = memo(({ tree }) => drawn(tree));
