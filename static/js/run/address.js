/* A recorded prompt's address: order, filters, lock, source and pins of each SAE's matrix, where
 * they differ from the default. */

import { writeQuery } from "../shared/address.js";
import { inside } from "../shared/base.js";
import { noUpdate } from "../shared/dash.js";
import { viewQuery } from "../shared/matrix_view.js";

/** @import { View } from "../reactivation/matrix/types.js" */
/** @import { Values } from "../shared/types.js" */

/**
 * Only this matrix's names change; all the others stay as the address has them.
 *
 * @param {Partial<View> | null} view
 * @param {string | null} locked
 * @param {string | null} source
 * @param {string[] | null} pins
 * @param {string} id
 */
export function address(view, locked, source, pins, id) {
  const place = Number(id.split("-").pop());
  const own = { source, ...viewQuery(view, locked, pins) };
  /** @type {Values} */
  const query = Object.fromEntries(new URLSearchParams(window.location.search));
  for (const [name, value] of Object.entries(own)) query[place ? `${name}.${place}` : name] = value;
  if (inside(window.location.pathname).startsWith("/r/")) writeQuery(query);
  return noUpdate();
}
