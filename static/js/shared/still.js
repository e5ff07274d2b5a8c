/* Parts of a page that no callback listens to: app/parts/still.py.
 *
 * tree: a string or number, or [tag, attributes, ...children]; "" draws the children alone, "Link" stays in the page.
 */

import { follow } from "./dash.js";
import { Fragment, h, memo } from "./react.js";

function drawn(node) {
  if (!Array.isArray(node)) return node;
  const [tag, attributes, ...children] = node;
  const props = tag === "Link" ? { ...attributes, onClick: follow } : attributes;
  return h({ "": Fragment, Link: "a" }[tag] || tag, props, ...children.map(drawn));
}

export const Still = memo(({ tree }) => drawn(tree));
