/* The list of keys. */

import { element } from "../shared/events.js";

export function toggleHelp() {
  const help = /** @type {HTMLDialogElement} */ (element("frame-help"));
  if (help.open) help.close();
  else help.showModal();
}
