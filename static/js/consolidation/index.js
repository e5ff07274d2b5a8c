/* The page Consolidation. */

import { brush, ranged } from "./brush.js";
import { compare, nearest, ofAxes, ofRequests, state } from "./controls.js";
import { begin, chosen, draw, mark } from "./cursor.js";
import { play } from "./play.js";

export const components = {};
export const clientside = {
  fsConsolidation: {
    begin,
    brush,
    chosen,
    compare,
    draw,
    mark,
    nearest,
    ofAxes,
    ofRequests,
    play,
    ranged,
    state,
  },
};
export const cells = {};
