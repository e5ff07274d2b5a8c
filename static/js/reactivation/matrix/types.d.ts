/* The firing matrix: prompts, aligned columns, rows of features, what is painted. */

import type { Ref } from "../../shared/hooks/types.js";
import type {
  Colours,
  DashProps,
  FeatureInfo,
  Firings,
  NextToken,
  ShuffledSplit,
  Split,
  Token,
  TokenClass,
} from "../../shared/types.js";

/** `prefix`: examples before it, where they are not what Steering opens with. */
export interface Prompt {
  prompt: string;
  prefix?: string | null;
  /** The conversation, as Steering's address has it. */
  talk?: Record<string, string>;
  tokens: Token[];
  firings: Firings;
  next: Record<number, NextToken[]>;
  splits: Record<number, Split>;
}

/** One aligned position: at[lane] is the position there, or null. */
export interface Column {
  at: (number | null)[];
  tokens: (Token | null)[];
  differs: boolean;
  isFunction: boolean;
  isSpecial: boolean;
  isGenerated: boolean;
}

/** A feature's firings in one prompt; kinds: see kinds.js. */
export interface Track {
  columns: number[];
  activations: number[];
  kinds: number[];
  last: number;
}

export interface FeatureRow {
  feature: number;
  lanes: Track[];
  first: number;
  firings: number;
  reactivated: number;
  atFunction: number;
  largest: number;
  classes: Record<TokenClass, number>;
  density: number | null;
  words: string;
  room?: number;
  label?: string;
}

/** Per column, how many features fire there only in A, in both prompts, only in B. */
export interface Differences {
  A: Int32Array;
  both: Int32Array;
  B: Int32Array;
}

export interface Model {
  prompts: Prompt[];
  columns: Column[];
  byFeature: Map<number, FeatureRow>;
  all: FeatureRow[];
  differences: Differences;
  info: Record<number, FeatureInfo>;
  saeId: string;
}

export interface View {
  order: string;
  locked: boolean;
  source: boolean;
  only_function: boolean;
  pinned: boolean;
  at_class: TokenClass | "";
  least: number | null;
  density_from: number | null;
  density: number | null;
  find: string;
}

/** x of every column's edge and the heights, in CSS pixels. */
export interface Geometry {
  x: Float64Array;
  label: number;
  lane: number;
  row: number;
  width: number;
  nLanes: number;
}

export type Baselines = (Record<number, ShuffledSplit> | null)[] | null | undefined;

/** What is painted. */
export interface Scene extends Model {
  geometry: Geometry;
  rows: FeatureRow[];
  locked: Set<number>;
  pins: Set<number>;
  baselines: Baselines;
  colours: Colours;
  scrollLeft: number;
  scrollTop: number;
  hoverColumn: number | null;
  hoverRow: number | null;
}

export interface MatrixRefs {
  scroller: Ref<HTMLElement>;
  head: Ref<HTMLElement>;
  canvas: Ref<HTMLCanvasElement>;
  readout: Ref<HTMLElement>;
}

/** What answers the pointer over the matrix. */
export interface MatrixControl {
  request(): void;
  point(column: number | null, row: number | null): void;
  reveal(column: number | null, row: number | null): void;
  under(event: { nativeEvent: MouseEvent }): { column: number | null; row: number | null };
}

export interface MatrixProps extends DashProps {
  group: string;
  prompts?: Prompt[];
  info?: Record<number, FeatureInfo>;
  sae_id: string;
  baselines?: Baselines;
  locked?: string | null;
  source?: string | null;
  pins?: string[];
  view?: Partial<View>;
  busy?: boolean;
}

/** A column as it is chosen: with Shift a range, with Ctrl or Cmd one more. */
export interface Modifiers {
  shiftKey?: boolean;
  ctrlKey?: boolean;
  metaKey?: boolean;
}

/** What fired at a source in one prompt, and which of that fires at each later column. */
export interface Trace {
  rows: FeatureRow[];
  later: { column: number; rows: FeatureRow[] }[];
}

/** [row, its activation per prompt; null where it is silent] */
export type Compared = [row: FeatureRow, found: (number | null)[]];

export type Groups = Record<string, Compared[]>;

/** [why a row is hidden, whether the filter is on, whether the row stays] */
export type Filter = [why: string, on: unknown, stays: (row: FeatureRow) => boolean];

export interface HeadProps {
  headRef: Ref<HTMLElement>;
  model: Model;
  geometry: Geometry;
  locked: number[];
  source: number;
  baselines: Baselines;
  point(column: number | null, row: number | null): void;
  lock(column: number, event: Modifiers): void;
}

/** Whose control it is: the matrix's id, its view, and how the view changes. */
export interface Of {
  id: string;
  view: View;
  setView(patch: Partial<View>): void;
}

/** What a key over the matrix acts on. */
export interface MatrixNow {
  model: Model;
  scene: Scene;
  refs: MatrixRefs;
  control: MatrixControl;
  locked: number[];
  anchor: Ref<number | null>;
  rows: FeatureRow[];
  choose(columns: number[]): void;
  pin(row: number | null): void;
  mark(column: number | null): void;
}
