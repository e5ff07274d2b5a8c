/* Claims page: the verdict chosen shows its cards, and goes into the address. */

import { writeQuery } from "../shared/address.js";
import { noUpdate } from "../shared/dash.js";

/**
 * Marks the list with the chosen verdict (CSS hides the other cards) -> how many cards are hidden.
 *
 * @param {string | null} verdict
 */
export function show(verdict) {
  const list = document.getElementById("claims-list");
  if (!list || !verdict) return noUpdate();
  list.dataset.show = verdict;
  writeQuery({ verdict: verdict === "all" ? null : verdict });
  /** @type {NodeListOf<HTMLElement>} */
  const groups = list.querySelectorAll(".fs-claims__group");
  for (const group of groups) {
    const cards = [.../** @type {NodeListOf<HTMLElement>} */ (group.querySelectorAll(".fs-claim"))];
    for (const card of cards) card.hidden = verdict !== "all" && card.dataset.verdict !== verdict;
    group.hidden = cards.every((card) => card.hidden);
  }
  return list.querySelectorAll(".fs-claim[hidden]").length;
}
