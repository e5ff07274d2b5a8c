/* The bipartite graph. */

import type { Ref } from "../shared/hooks/types.js";
import type { Colours, Interval } from "../shared/types.js";

export interface TokenBlock {
  rank_first: number;
  rank_last: number;
  n_edges: number;
  n_firings: number;
  tokens: { token_id: number; text: string }[];
}

export interface FeatureBlock {
  order_first: number;
  order_last: number;
  feature_index: number;
  first_rank_low: number;
  first_rank_high: number;
  n_edges: number;
  n_firings: number;
}

/** What GET /api/graph answers: blocks, and one column each of their cells. */
export interface GraphView {
  n_function: number;
  token_blocks: TokenBlock[];
  feature_blocks: FeatureBlock[];
  cells: {
    token_block: number[];
    feature_block: number[];
    n_edges: number[];
    n_firings: number[];
    n_first: number[] | null;
  };
  effective: Record<"rank_first" | "rank_last" | "order_first" | "order_last", number>;
}

export interface Lying {
  y: number;
  h: number;
}

export interface Ribbon {
  k: number;
  token: number;
  feature: number;
  n: number;
  first: number;
  left: Interval;
  right: Interval;
}

/** What is pointed at: a block of either side, or a ribbon. */
export interface Pointed {
  token?: number;
  feature?: number;
  ribbon?: Ribbon;
}

export interface GraphScene {
  at: Pointed | null;
  ribbons: Ribbon[];
  view?: GraphView;
  left: Lying[];
  right: Lying[];
  height: number;
  width: number;
  colours: Colours;
  entered?: string;
}

export interface GraphRefs {
  root: Ref<HTMLElement>;
  base: Ref<HTMLCanvasElement>;
  over: Ref<HTMLCanvasElement>;
  readout: Ref<HTMLElement>;
}

export interface GraphControl {
  point(at: Pointed | null): void;
  ribbonAt(event: { clientX: number; clientY: number }): Pointed | null;
  base(): void;
}

export interface GraphAct {
  point(at: Pointed | null): void;
  split(at: Pointed): void;
}
