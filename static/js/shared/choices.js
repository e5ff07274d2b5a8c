/* A choice stands in the address as soon as it is made.
 *
 * What a page makes of it comes later: its callbacks wait for each other, and for a browser that
 * draws. A group marked with data-fs-setting="name" holds one control whose values are those of the
 * address (app/parts/controls.py); the page then writes the same, without what is the default. */

import { writeChoice } from "./address.js";

const GROUP = "[data-fs-setting]";

/**
 * The group of a dropped-down list, which hangs elsewhere in the page.
 *
 * @param {Element} option
 */
function groupOf(option) {
  const list = option.closest("[role=listbox]");
  return list?.id ? document.querySelector(`${GROUP}:has([aria-controls="${list.id}"])`) : null;
}

/**
 * @param {Element | null} group
 * @param {string | null} value
 */
function chosen(group, value) {
  const name = group?.getAttribute("data-fs-setting");
  if (name && value !== null) writeChoice(name, value);
}

window.addEventListener(
  "change",
  ({ target }) => {
    if (target instanceof HTMLInputElement && target.type === "radio" && target.checked)
      chosen(target.closest(GROUP), target.value);
  },
  true,
);

window.addEventListener(
  "click",
  ({ target }) => {
    const option = target instanceof Element ? target.closest("[role=option]") : null;
    if (option && option.getAttribute("aria-selected") !== "true")
      chosen(groupOf(option), option.getAttribute("value"));
  },
  true,
);
