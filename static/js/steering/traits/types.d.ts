/* The search for a trait's feature. */

import type { DashProps, Interval, Job } from "../../shared/types.js";
import type { Intervention, SteerSettings } from "../types.js";

export interface Rate {
  successes: number;
  n: number;
  share: number;
  interval: Interval;
}

export interface TraitLayer {
  sae_id: string;
  layer: number;
  n_active: number;
  success: Rate;
}

export interface TraitTrial {
  k: number;
  alpha: number;
  success: Rate;
}

export interface TraitStrength {
  alpha: number;
  success: Rate;
}

export interface TraitArm {
  name: string;
  sentence: string;
  success: Rate;
  texts: string[];
}

export interface TraitResult {
  sae_id: string;
  feature_index: number | null;
  feature_alpha: number | null;
  k: number | null;
  alpha: number | null;
  sentence: string;
  layers: TraitLayer[];
  trials: TraitTrial[];
  strengths: TraitStrength[];
  arms: TraitArm[];
}

export interface TraitBody {
  test_prompts: string[];
  induces: number;
  [name: string]: unknown;
}

export interface TraitJob extends Job {
  layers: TraitLayer[];
  trials: TraitTrial[];
  strengths: TraitStrength[];
  arms: TraitArm[];
  result: TraitResult | null;
  body: TraitBody;
  stage: string | null;
  sentence?: string;
  done: number;
  most: number;
}

export type TraitSettings = Record<
  "open_traits" | "trait" | "contrast" | "test" | "success" | "ask" | "induces" | "length",
  string
>;

export interface TraitProps extends DashProps {
  endpoint: string;
  cancel: string;
  request?: SteerSettings | null;
  most_prompts?: number;
  settings?: TraitSettings;
  defaults: TraitSettings;
  code?: Record<string, string> | null;
  interventions?: Intervention[];
  target_rack: string;
}

export type TraitChange = (patch: Partial<TraitSettings>) => void;

/** A rate's bar. */
export interface Bar {
  key?: string | number;
  label: string;
  rate: Rate;
  marked?: boolean | null;
  title?: string;
  line?: number;
}
