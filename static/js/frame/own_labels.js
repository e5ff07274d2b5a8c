/* A feature's own label beside it, on every page. What stands for a feature says which:
 * data-fs-feature="sae_id:index", or a link to its page. It gets data-fs-label, which tokens.css
 * writes after it. */

import { at } from "../shared/base.js";
import { keyOf, knownLabels, onLabels, wantLabels } from "../shared/hooks/labels.js";

const SHOWS = '[data-fs-feature], a[href*="/feature/"]:not(.fs-walk)';

/** @param {HTMLElement | SVGElement} one */
function featureOf(one) {
  if (one.dataset.fsFeature) return one.dataset.fsFeature;
  const href = one.getAttribute("href") || "";
  if (!href.startsWith(at("/feature/"))) return ""; // of another preset
  const address = /\/feature\/([^/?#]+)\/(\d+)(?=[?#]|$)/.exec(href);
  return address ? keyOf(decodeURIComponent(address[1]), Number(address[2])) : "";
}

/** @param {HTMLElement | SVGElement} one */
function dress(one) {
  const label = knownLabels().get(featureOf(one))?.label;
  if (label) one.dataset.fsLabel = label;
  else if (one.dataset.fsLabel) delete one.dataset.fsLabel;
}

/** @param {ParentNode} root */
const dressIn = (root) =>
  /** @type {NodeListOf<HTMLElement | SVGElement>} */ (root.querySelectorAll(SHOWS)).forEach(dress);

onLabels(() => dressIn(document));

new MutationObserver((changes) => {
  if (!knownLabels().size) {
    if (document.querySelector(SHOWS)) wantLabels();
    return;
  }
  for (const { type, target, addedNodes } of changes) {
    const nodes = type === "attributes" ? [target] : addedNodes;
    for (const node of nodes) {
      if (!(node instanceof HTMLElement || node instanceof SVGElement)) continue;
      if (node.matches(SHOWS)) dress(node);
      if (type === "childList") dressIn(node);
    }
  }
}).observe(document.documentElement, {
  childList: true,
  subtree: true,
  attributeFilter: ["href", "data-fs-feature"],
});
