/* Clicks on marked elements:
 *   data-fs-copy="text"     copies the text
 *   data-fs-copy-of="id"    copies that element's text
 *   data-fs-export="png|svg" data-fs-target="graph id"   saves the figure
 *   data-fs-export="csv"     data-fs-target="grid id"    saves the table
 *   data-fs-action="help|scheme|link"
 */

import { copy, copyLink } from "./copying.js";
import { exportFrom } from "./exports.js";
import { toggleHelp } from "./help.js";
import { toggleScheme } from "./theme.js";

const ACTIONS = { help: toggleHelp, scheme: toggleScheme, link: copyLink };

document.addEventListener("click", (event) => {
  const at = (name) => event.target.closest?.(`[data-fs-${name}]`);
  const action = at("action");
  if (action) ACTIONS[action.dataset.fsAction]();
  const copied = at("copy");
  if (copied) copy(copied.dataset.fsCopy, "Copied.");
  const source = at("copy-of");
  if (source) copy(document.getElementById(source.dataset.fsCopyOf).innerText, "Copied.");
  const exported = at("export");
  if (exported) exportFrom(exported.dataset.fsExport, exported.dataset.fsTarget);
  // A popover (details.fs-pop) closes on a click elsewhere.
  for (const open of document.querySelectorAll("details.fs-pop[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.fs-pop[open]")) {
    open.open = false;
    if (open.contains(document.activeElement)) open.querySelector("summary").focus();
  }
});
