/* The sweep: what is asked, its cells, its maps. */

import type { DashProps, Interval, Job, NextToken, Sae, Token } from "../../shared/types.js";
import type { Intervention, Place, SteerAnswer, SteerSettings, StrengthAnswer } from "../types.js";

/** A target of POST /api/sweep or /api/traits, or why it cannot be read. */
export interface Target {
  kind?: string;
  token_id?: number;
  text?: string;
  pattern?: string;
  language?: string;
  problem?: string;
}

export interface SweepBody {
  prompt: string;
  sae_id: string;
  mode: string;
  interventions: object[];
  strengths: number[];
  positions: number[];
  target: Target | null;
  [name: string]: unknown;
}

export interface SweepPlan {
  problem?: string;
  body?: SweepBody;
  subject?: Intervention;
  place?: Place;
}

export interface Cell {
  row: number;
  column: number;
  position: number;
  strength: number;
  kl: number;
  target: number | null;
  next_token: NextToken;
  text: string;
  token_ids: number[];
}

export interface Axes {
  strengths: number[];
  positions: number[];
  tokens: Token[];
  n_cells: number;
  baseline: { text: string; token_ids: number[]; next_token: NextToken; target: number };
}

export interface SweepJob extends Job {
  axes: Axes | null;
  byPlace: Map<string, Cell>;
  body: SweepBody;
  multiples: number | null;
  top: SteerAnswer | null;
}

export type SweepSettings = Record<"open_sweep" | "sweep" | "strengths" | "at" | "target", string>;

export interface SweepProps extends DashProps {
  endpoint: string;
  cancel: string;
  request?: SteerSettings | null;
  tokens?: Token[];
  last_function?: number | null;
  strengths?: Record<string, StrengthAnswer>;
  saes?: Sae[];
  last_layer?: number;
  interventions: Intervention[];
  most_cells?: number;
  settings?: SweepSettings;
  code?: Record<string, string> | null;
  target_rack: string;
}

export interface SweepWork {
  job: SweepJob | null;
  start(): void;
  stop(): void;
  chosen: Interval | null;
  open(at: Interval | null): void;
}

export type SweepChange = (patch: Partial<SweepSettings>) => void;

/** What a heat map is of. */
export interface MapOf {
  job: SweepJob & { axes: Axes };
  chosen: Interval | null;
  open(at: Interval | null): void;
  measureName: string;
  measure: "kl" | "target";
  most: number;
  /** Of the swept feature, whether nothing but the last position comes after its layer. */
  lastLayer: boolean;
}
