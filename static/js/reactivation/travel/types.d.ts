/* Where does it travel? The frames of POST /api/patch, and the map that is drawn of them. */

import type { DashProps, Job, Token, Turn } from "../../shared/types.js";

/** What was run on the page: POST /api/inspect's prompts, A first, and the examples before them. */
export interface Ran {
  prompts: string[];
  prefix?: string;
  chat?: boolean;
  turns?: Turn[];
}

/** As text, as they stand in the address; `unrelated` null = the page's own. */
export interface TravelSettings {
  travel: string;
  answer_a: string;
  answer_b: string;
  unrelated: string | null;
}

export interface TokenAsked {
  kind: "token";
  text: string;
}

export interface TravelBody {
  prompt_a: string;
  prompt_b: string;
  answer_a?: TokenAsked;
  answer_b?: TokenAsked;
  unrelated?: string;
}

export type Plan = { body: TravelBody; problem: null } | { body: null; problem: string };

/** Parallel columns: by place in `positions`, or in `sets`. */
export interface Cells {
  log_odds: number[];
  probability_a: number[];
  probability_b: number[];
  token_id: number[];
  text: string[];
  flipped: boolean[];
}

export type Source = "a" | "unrelated";

export interface Row {
  source: Source;
  layer: number;
  cells: Cells;
  sets: Cells;
  sham: number;
}

export interface PlaceSet {
  name: string;
  positions: number[];
  sentence: string;
}

export interface Answer {
  token_id: number;
  text: string;
}

export interface Axes {
  tokens_a: Token[];
  tokens_b: Token[];
  positions: number[];
  positions_a: number[];
  subject: number[];
  unmatched: number[];
  sets: PlaceSet[];
  ends: { cells: Cells; answer_a: Answer; answer_b: Answer };
  n_rows: number;
}

export interface TravelJob extends Job {
  axes: Axes | null;
  rows: Row[];
  body: TravelBody;
}

/** A job whose prompts have been run. */
export type Begun = TravelJob & { axes: Axes };

/** A column of the map: one position of B, or a set of them. */
export interface Place {
  kind: "position" | "set";
  index: number;
  name: string;
  title: string;
  token: Token | null;
  from: number | null;
}

/** One cell's numbers; `restored` null where both ends are the same. */
export interface Cell {
  place: Place;
  source: Source;
  layer: number;
  restored: number | null;
  log_odds: number;
  probability_a: number;
  probability_b: number;
  text: string;
  flipped: boolean;
}

export interface TravelProps extends DashProps {
  group: string;
  endpoint: string;
  cancel: string;
  ran?: Ran | null;
  settings: TravelSettings;
  usual: string;
  body?: TravelBody | null;
}

export interface Chosen {
  source: Source;
  layer: number;
  column: number;
}

export interface TravelWork {
  job: TravelJob | null;
  start(): void;
  stop(): void;
  chosen: Chosen | null;
  choose(at: Chosen | null): void;
}
