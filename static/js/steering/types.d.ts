/* Edits, arms and texts. */

import type {
  DashProps,
  Job,
  NextToken,
  Sae,
  Status,
  Token,
  Turn,
  Values,
} from "../shared/types.js";

export type Mode = "add" | "clamp" | "scale" | "ablate";

export type Positions = "last_function" | "last" | "all" | number[];

/** One edit as POST /api/steer takes it. */
export interface Edit {
  sae_id: string;
  feature_index: number;
  mode: Mode;
  value: number;
  positions: Positions;
}

/** An edit in the rack: it can be off. */
export interface Intervention extends Edit {
  uid: string;
  on: boolean;
}

/** A body of POST /api/steer; `samples` may count the seeded texts beside the greedy one. */
export interface SteerSettings {
  prompt: string;
  chat: boolean;
  interventions: Edit[];
  include_generated: boolean;
  freeze_attention: boolean;
  max_new_tokens: number;
  temperature: number;
  samples: number;
  seed: number;
  controls: boolean;
  prefix?: string;
  stop?: string[];
  turns?: Turn[];
}

/** `stop` as it is written: see shared/tokens/stops.js. */
export interface Demonstration {
  prompt: string;
  prefix?: string;
  stop?: string;
  intervention: Intervention;
}

/** What the page holds where its address says nothing. */
export interface SteerDefaults {
  prompt: string;
  prefix?: string;
  stop?: string;
  features: string;
  settings: Values;
  sweep: Values;
  traits: Values;
  set: Values;
  demonstrations: Demonstration[];
}

export interface ArmAnswer {
  next_tokens: NextToken[];
  texts?: string[];
}

export interface SteerAnswer {
  baseline: ArmAnswer;
  steered: ArmAnswer;
  kl: number;
  sentence: string;
}

/** What an arm has written so far: texts[sample][k]. */
export interface Arm {
  sentence: string;
  kl: number | null;
  positions: number[];
  texts: NextToken[][];
}

export interface Arms {
  [name: string]: Arm;
}

/** What is known where a feature is plugged in; null = not known. */
export interface Place {
  q999: number | null;
  decoder_norm: number | null;
  residual_norm: number | null;
  activation: number | null;
  token_act_max?: number | null;
  token_firings?: number | null;
}

/** What POST /api/strength answers about a feature; a column's k-th value is of position k. */
export interface StrengthAnswer {
  act_q999: number | null;
  decoder_norm: number | null;
  positions?: Record<string, (number | null)[]>;
}

export interface Limits {
  interventions?: number;
  value?: number;
}

export interface Plug {
  uid: string;
  position: number;
  on: boolean;
  label: string;
  title: string;
}

export interface Pass extends Job {
  request: SteerSettings;
  arms: Arms;
}

export interface Run {
  id: number;
  passes: Pass[];
  key: string;
  status: Status;
}

/** A run that is only shown: an earlier one, or one that was recorded. */
export interface ShownRun {
  id?: number;
  passes: { request: SteerSettings; arms: Arms; status?: Status }[];
}

export type Unreachable = (
  pass: { request: SteerSettings; arms: Arms },
  name: string,
) => string | null;

export type Where = (positions: number[] | null | undefined) => string;

/** A token with its probability in both arms; one that an arm does not list is undefined there. */
export interface Pair {
  token_id: number;
  text: string;
  baseline?: number;
  steered?: number;
}

export interface ShiftProps extends Partial<DashProps> {
  result?: SteerAnswer | null;
  request?: SteerSettings | null;
  endpoint?: string;
  model?: string | null;
  busy?: boolean;
}

export interface StreamProps extends DashProps {
  newest?: SteerSettings | null;
  request?: SteerSettings | null;
  auto?: boolean;
  endpoint: string;
  cancel: string;
  model?: string | null;
  tokens?: Token[];
  saes?: Sae[];
  last_layer?: number;
}
