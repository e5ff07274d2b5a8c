/* The page Graph. */

import { writeState } from "./address.js";
import { BipartiteGraph } from "./picture.js";

export const components = { BipartiteGraph };
export const clientside = { fsGraph: { writeState } };
export const cells = {};
