/* The rack and its cards. */

import type { Ref } from "../shared/hooks/types.js";
import type { DashProps, Feature, Sae, Token } from "../shared/types.js";
import type { Intervention, Limits, StrengthAnswer } from "./types.js";

export type Change = (patch: Partial<Intervention>) => void;

/** What the build and the model say about a feature in the rack. */
export interface RackInfo {
  words?: string[];
  promoted?: string[];
  act_q999?: number | null;
  problem?: string;
}

export interface CardProps {
  it: Intervention;
  info?: RackInfo;
  strength?: StrengthAnswer;
  tokens: Token[];
  lastFunction: number | null;
  saes?: Sae[];
  lastLayer?: number;
  limits?: Limits;
  selected: boolean;
  id: string;
  select(): void;
  change: Change;
  remove(): void;
}

export interface RackProps extends DashProps {
  tokens?: Token[];
  last_function?: number | null;
  saes?: Sae[];
  last_layer?: number;
  default_sae?: string;
  info?: Record<string, RackInfo>;
  strengths?: Record<string, StrengthAnswer>;
  limits?: Limits;
  has_chat?: boolean;
  interventions?: Intervention[];
  include_generated?: boolean;
  freeze_attention?: boolean;
  chat?: boolean;
  query?: { text: string; sae_id: string } | null;
  results?: Feature[];
  results_for?: string;
  search_note?: string | null;
}

/** What the rack shows. */
export interface RackNow {
  list: Intervention[];
  latest: Ref<Intervention[]>;
  tokens: Token[];
  lastFunction: number | null;
  setSelected(uid: string | null): void;
  setTarget(position: number): void;
  active: Intervention | null;
  socket: number | null;
  limit: number;
}

/** What a person does to the rack's interventions. */
export interface RackAct {
  set(interventions: Intervention[]): void;
  change(uid: string, patch: Partial<Intervention>): void;
  add(feature: Feature, at?: number | null): Promise<void>;
  plug(position: number, extend: boolean): void;
  onDrop(position: number, event: { dataTransfer: DataTransfer }): void;
}
