/* An edit tried on a set of prompts. */

import type { DashProps } from "../../shared/types.js";
import type { Rate } from "../traits/types.js";
import type { SteerSettings } from "../types.js";

export interface SetArm {
  name: string;
  sentence: string;
  success: Rate | null;
  changed: Rate | null;
}

export interface SetAnswer {
  text: string;
  success: boolean | null;
  changed: boolean;
}

/** What POST /api/steer/set answers, so far. */
export interface SetResult {
  arms: SetArm[];
  rows: { prompt: number; answers: Record<string, SetAnswer> }[];
  done: number;
  total: number;
}

export type SetSettings = Record<"open_set" | "set" | "set_success", string>;

export interface SteerSetProps extends DashProps {
  cancel: string;
  request?: SteerSettings | null;
  settings?: SetSettings;
  code?: Record<string, string> | null;
}
