/* Events on the whole page: what they happened at. */

/**
 * The nearest element around the event's target that the selector meets; null for none.
 *
 * @param {Event} event
 * @param {string} selector
 */
export const around = (event, selector) =>
  event.target instanceof Element
    ? /** @type {HTMLElement | null} */ (event.target.closest(selector))
    : null;

/**
 * The element of that id.
 *
 * @param {string} id
 * @throws {Error} where the page has none
 */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}
