/* The page Reactivation, and the firing matrix of recorded runs. */

import { builtInPair, reactivationAddress, staleRun } from "./address.js";
import { FiringCompare } from "./compare.js";
import { ReactivationIndex } from "./index_panel.js";
import { MatrixLegend } from "./matrix/head.js";
import { FiringMatrix } from "./matrix/matrix.js";
import { NextTokens } from "./next_tokens.js";
import { FeaturePins } from "./pins.js";
import { SourceTrace } from "./source_panel.js";

export const components = {
  FeaturePins,
  FiringCompare,
  FiringMatrix,
  MatrixLegend,
  NextTokens,
  ReactivationIndex,
  SourceTrace,
};
export const clientside = { fsReactivation: { builtInPair, reactivationAddress, staleRun } };
export const cells = {};
