/* In words: what is asked of POST /api/lens, and what it answers. */

import type { DashProps, NextToken, Problem } from "../../shared/types.js";
import type { Ran } from "../travel/types.js";

export interface TokenById {
  kind: "token";
  token_id: number;
}

export interface LensBody {
  prompt: string;
  prefix: string;
  positions: number[];
  k: number;
  watched: TokenById[];
}

export interface WatchedToken extends NextToken {
  rank: number;
}

export interface LensRow {
  layer: number;
  position: number;
  tokens: NextToken[];
  watched: WatchedToken[];
}

/** One prompt at the locked position; `body` null and `problem` where it cannot be asked. */
export interface LensPlan {
  lane: number;
  position: number | null;
  body: LensBody | null;
  problem: string;
}

export interface Reading {
  abort: AbortController;
  rows: LensRow[] | null;
  problem: Problem | null;
}

export interface WordsSettings {
  words: string;
}

export interface WordsProps extends DashProps {
  group: string;
  endpoint: string;
  ran?: Ran | null;
  settings: WordsSettings;
  bodies?: LensBody[] | null;
}
