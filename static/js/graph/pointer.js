/* What answers the pointer over the graph without React: what is pointed at, on a canvas above the
 * base. */

import * as graph from "./layout.js";
import * as said from "./words.js";
import { colours, paint } from "./paint.js";

/** @import { GraphControl, GraphRefs, GraphScene, Pointed, Ribbon } from "./types.js" */

export const HINT =
  "Point at a ribbon or a block. A click splits it; arrow keys move, Enter splits, Esc goes back.";

/** @param {Pointed} at */
const meets = (at) => (/** @type {Ribbon} */ it) =>
  at.ribbon
    ? it === at.ribbon
    : at.token !== undefined
      ? it.token === at.token
      : it.feature === at.feature;

/**
 * @param {Pointed | null} a
 * @param {Pointed | null} b
 */
const same = (a, b) =>
  a === b || (a && b && a.ribbon === b.ribbon && a.token === b.token && a.feature === b.feature);

/**
 * Everything that answers the pointer without React.
 *
 * @param {GraphRefs} refs
 * @param {GraphScene} scene
 * @returns {GraphControl}
 */
export function controller(refs, scene) {
  let queued = false;
  const overlay = () => {
    queued = false;
    if (!refs.over.current || !scene.view) return;
    const at = scene.at;
    refs.base.current.classList.toggle("is-dim", Boolean(at));
    paint(refs.over.current, scene, at ? scene.ribbons.filter(meets(at)) : [], 1.7);
  };
  /** @param {Pointed | null} at */
  const point = (at) => {
    if (same(at, scene.at)) return;
    scene.at = at;
    refs.readout.current.textContent = scene.view && at ? said.words(scene.view, at) : HINT;
    refs.readout.current.classList.toggle("is-idle", !at);
    if (!queued) window.requestAnimationFrame(overlay);
    queued = true;
  };
  /** @param {{ clientX: number, clientY: number }} event */
  const ribbonAt = (event) => {
    const box = refs.over.current.getBoundingClientRect();
    const ribbon = graph.ribbonAt(
      scene.ribbons,
      (event.clientX - box.left) / box.width,
      event.clientY - box.top,
    );
    return ribbon ? { ribbon } : null;
  };
  const base = () => {
    if (!refs.base.current || !scene.view) return;
    scene.colours = colours();
    scene.width = /** @type {HTMLElement} */ (refs.base.current.parentElement).clientWidth;
    paint(refs.base.current, scene, scene.ribbons, 1);
    overlay();
  };
  return { point, ribbonAt, base };
}
