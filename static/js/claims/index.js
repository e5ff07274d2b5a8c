/* The page Claims. */

import { show } from "./cards.js";

export const components = {};
export const clientside = { fsClaims: { show } };
export const cells = {};
