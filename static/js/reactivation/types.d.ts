/* The reactivation index. */

import type { DashProps, Interval, Job, TokenClass } from "../shared/types.js";

export interface IndexRow {
  source: string;
  kind: string;
  name: string;
  over: string;
  index: number | null;
  interval?: Interval | null;
  share: number | null;
  share_interval?: Interval | null;
  shuffled_share?: number | null;
  shuffled_interval?: Interval | null;
  reactivated?: number;
  firing?: number;
  n_positions?: number;
}

export interface ReactivationIndexAnswer {
  n_prompts: number;
  n_shuffles: number;
  classes: (Omit<IndexRow, "source" | "kind" | "name" | "over"> & { token_class: TokenClass })[];
  difference: {
    index: number | null;
    index_interval: Interval | null;
    share: number | null;
    share_interval: Interval | null;
  };
}

export interface MeasuredSet {
  job: Job | null;
  result: { done: number; total: number; index: ReactivationIndexAnswer | null } | null;
  key: string | null;
}

export interface IndexProps extends DashProps {
  group: string;
  busy?: boolean;
  indices?: { source: string; index: ReactivationIndexAnswer }[] | null;
  request?: object | null;
  endpoint: string;
  cancel: string;
  measured?: boolean;
  own?: string | null;
  recorded?: boolean;
}
