/* What the pages ask of Dash: another component's prop, another page, no update. */

/** @import { At } from "./hooks/types.js" */
/** @import { Values } from "./types.js" */

/**
 * Asks Dash to change another component's prop, exactly as if it had called setProps.
 *
 * @param {string} id
 * @param {Values} props
 */
export const tell = (id, props) => window.dash_clientside.set_props(id, props);

/**
 * Follows an address inside the dashboard without a reload.
 *
 * @param {string} address
 */
export function go(address) {
  window.history.pushState({}, "", address);
  window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  window.scrollTo(0, 0);
}

/**
 * A click on such an address; lets the browser open new tabs itself.
 *
 * @param {At & MouseEvent} event
 */
export function follow(event) {
  if (
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
  event.preventDefault();
  go(event.currentTarget.getAttribute("href") ?? "");
}
export const noUpdate = () => window.dash_clientside.no_update;
