/* The pages Token, Feature and Features. */

import { LabelFiles } from "./label_files.js";
import { OwnLabel } from "./own_label.js";
import { searchState, turnPage, writeFeature, writeToken, writeTokens } from "./browse.js";

export const components = { LabelFiles, OwnLabel };
export const clientside = {
  browse: { searchState, turnPage, writeFeature, writeToken, writeTokens },
};
export const cells = {};
