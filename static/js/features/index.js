/* The pages Token, Feature and Features. */

import { searchState, turnPage, writeFeature, writeToken, writeTokens } from "./browse.js";

export const components = {};
export const clientside = {
  browse: { searchState, turnPage, writeFeature, writeToken, writeTokens },
};
export const cells = {};
