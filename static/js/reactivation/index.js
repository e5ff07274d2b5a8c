/* The page Reactivation, and the firing matrix of recorded runs. */

import { builtInPair, ran, reactivationAddress, staleRun } from "./address.js";
import { FiringCompare } from "./compare.js";
import { ReactivationIndex } from "./index_panel.js";
import { MatrixLegend } from "./matrix/head.js";
import { FiringMatrix } from "./matrix/matrix.js";
import { NextTokens } from "./next_tokens.js";
import { FeaturePins } from "./pins.js";
import { SourceTrace } from "./source_panel.js";
import { PatchTravel } from "./travel/panel.js";
import { ResidualWords } from "./words/panel.js";

export const components = {
  FeaturePins,
  FiringCompare,
  FiringMatrix,
  MatrixLegend,
  NextTokens,
  PatchTravel,
  ReactivationIndex,
  ResidualWords,
  SourceTrace,
};
export const clientside = { fsReactivation: { builtInPair, ran, reactivationAddress, staleRun } };
export const cells = {};
