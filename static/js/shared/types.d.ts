/* What every page speaks of: tokens, firings, features, streams. */

export type TokenClass = "function" | "content" | "special";

export type Interval = [low: number, high: number];

export type Values = Record<string, unknown>;

/** The settings of a page: app/parts/address. */
export interface Declared {
  path: string;
  defaults: Values;
  beside: string[];
}

export type Tell = (props: Values) => void;

export interface Problem {
  title: string;
  detail: string;
  request_id?: string;
}

/** What every component of ours gets from Dash. */
export interface DashProps {
  id: string;
  setProps: Tell;
}

export interface Token {
  position: number;
  token_id: number;
  text: string;
  token_class: TokenClass;
  generated?: boolean;
  prefix?: boolean;
  /** Written by the chat template. */
  template?: boolean;
}

/** A turn of a conversation before the prompt. */
export interface Turn {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface NextToken {
  token_id: number;
  text: string;
  probability: number;
}

/** One column each: the k-th firing is of feature_index[k] at position[k]. */
export interface Firings {
  position: number[];
  feature_index: number[];
  activation: number[];
}

/** Counts of features at one position; carried ones are reactivated ones too. */
export interface Split {
  firing: number;
  new: number;
  reactivated: number;
  carried: number;
}

export interface Estimate {
  mean: number;
  interval: Interval;
}

export interface ShuffledSplit {
  firing: Estimate;
  new: Estimate;
  reactivated: Estimate;
  carried: Estimate;
  kept: boolean;
}

/** What a feature is known by; shares of positions in 0..1. */
export interface FeatureInfo {
  density?: number | null;
  top_tokens?: string[] | null;
  name_tokens?: string[] | null;
  promoted_tokens?: string[] | null;
  label?: string;
}

/** A person's own label of a feature. */
export interface Label {
  sae_id: string;
  feature_index: number;
  label: string;
  note: string;
  author: string;
  date: string;
}

/** By "sae_id:feature_index". */
export type Labels = Map<string, Label>;

export interface Feature {
  sae_id: string;
  feature_index: number;
  words?: string[];
  promoted?: string[];
  act_q999?: number | null;
  value?: number;
}

export interface Sae {
  sae_id: string;
  layer: number;
}

export type Status = "waiting" | "streaming" | "done" | "stopped" | "failed";

/** One stream from the server. */
export interface Job {
  status: Status;
  abort: AbortController;
  streamId: string | null;
  place: number;
  problem: Problem | null;
}

/** A frame's data: what it holds depends on its event. */
export type Data = any;

export type Apply = (event: string, data: Data) => void;

export type Colours = Record<string, string>;

/** A channel's state: what the panels beside a component hear of. */
export type State = Record<string, any>;

export interface Channel {
  get(): State;
  set(patch: State): void;
  subscribe(listener: (state?: State) => void): () => void;
}

export type Ask = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/** What becomes of a request while nobody answers. */
export interface Plan {
  meanwhile: "wait" | "drop" | "fail";
  /** Of those that wait with one key only the newest is asked. */
  key?: string;
  /** Somebody's act asked for it. */
  by?: boolean;
  /** It asks for another page. */
  arrives?: boolean;
}

export interface Waiting {
  key: string | undefined;
  end(go: boolean): void;
}

export interface Links {
  send: Ask;
  probe: () => Promise<unknown>;
  changed: (lost: boolean) => void;
  planOf: (input: RequestInfo | URL, init?: RequestInit) => Plan;
  unasked: (plan: Plan, lost: boolean) => void;
  every?: number;
}

export interface Connection {
  ask: Ask;
  look: () => Promise<void>;
  isLost: () => boolean;
}

/** What a picture says of itself. */
export interface Said {
  title: string;
  request: string;
  build: string;
}
