/* The pages Token, Feature and Features. */

import { searchState, turnPage, writeFeature, writeToken } from "./browse.js";

export const components = {};
export const clientside = { browse: { searchState, turnPage, writeFeature, writeToken } };
export const cells = {};
