/* Clicks on marked elements:
 *   data-fs-copy="text"     copies the text
 *   data-fs-copy-of="id"    copies that element's text
 *   data-fs-export="png|svg" data-fs-target="graph id"   saves the figure
 *   data-fs-export="data"    data-fs-target="graph id"   saves its numbers
 *   data-fs-export="csv"     data-fs-target="grid id"    saves the table
 *   data-fs-action="help|scheme|link|keep"
 */

import { around, element } from "../shared/events.js";
import { copy, copyLink } from "./copying.js";
import { exportFrom } from "./exports.js";
import { toggleHelp } from "./help.js";
import { toggleScheme } from "./theme.js";
import { savePage } from "./whole_page.js";

/** @type {Record<string, () => void>} */
const ACTIONS = { help: toggleHelp, scheme: toggleScheme, link: copyLink, keep: savePage };

/** @returns {NodeListOf<HTMLDetailsElement>} */
const popovers = () => document.querySelectorAll("details.fs-pop[open]");

document.addEventListener("click", (event) => {
  /** @param {string} name */
  const at = (name) => around(event, `[data-fs-${name}]`);
  const action = at("action");
  if (action) ACTIONS[String(action.dataset.fsAction)]();
  const copied = at("copy");
  if (copied) copy(String(copied.dataset.fsCopy), "Copied.");
  const source = at("copy-of");
  if (source) copy(element(String(source.dataset.fsCopyOf)).innerText, "Copied.");
  const exported = at("export");
  if (exported) exportFrom(String(exported.dataset.fsExport), String(exported.dataset.fsTarget));
  // A popover (details.fs-pop) closes on a click elsewhere.
  for (const open of popovers()) {
    if (!(event.target instanceof Node && open.contains(event.target))) open.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of popovers()) {
    open.open = false;
    if (open.contains(document.activeElement)) open.querySelector("summary")?.focus();
  }
});
