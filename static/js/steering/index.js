/* The page Steering: the rack, what the edit does to the next token, the texts, the sweep, the
 * trait finder and the set of prompts. */

import {
  steerAddress,
  steerDemonstration,
  steerRequest,
  steerSettingsWords,
  steerSubjects,
} from "./address.js";
import { InterventionRack } from "./rack.js";
import { SteerSet } from "./set/panel.js";
import { SteerSetAnswers } from "./set/results.js";
import { SteerShift } from "./shift.js";
import { SteerStream } from "./stream.js";
import { SteerSweep } from "./sweep/panel.js";
import { ArmTexts } from "./texts.js";
import { TraitFinder } from "./traits/finder.js";

/** @param {unknown} value */
const sameProp = (value) => value;

export const components = {
  ArmTexts,
  InterventionRack,
  SteerSet,
  SteerSetAnswers,
  SteerShift,
  SteerStream,
  SteerSweep,
  TraitFinder,
};
export const clientside = {
  fsSteering: {
    sameProp,
    steerAddress,
    steerDemonstration,
    steerRequest,
    steerSettingsWords,
    steerSubjects,
  },
};
export const cells = {};
