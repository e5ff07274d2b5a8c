/* A set of prompts of one's own. */

import type { Job, Problem } from "../types.js";

/** What POST /api/prompts answers. */
export interface ReadPrompts {
  prompts: string[];
  n_prompts: number;
  columns: string[];
  column: string | null;
  wrong: { row: number; what: string }[];
  n_wrong: number;
  n_blank: number;
  effective: { format: string };
}

/** What stands in the box: a text or a file, how it is read, and what came of it. */
export interface PromptSet {
  text: string;
  file: { name: string; data: string } | null;
  format: string;
  column: string;
  /** A line break is added where a prompt has none at its end. */
  ends: boolean;
  answer: ReadPrompts | null;
  problem: Problem | null;
  busy: boolean;
}

export type SetPatch = Partial<PromptSet>;

export interface SetActions {
  type: (text: string) => void;
  choose: (file: File) => void;
  change: (patch: SetPatch) => void;
  clear: () => void;
  load: (prompts: string[]) => void;
}

/** The link of a recorded run. */
export interface RunMade {
  run_id: string;
  url: string;
  reused?: boolean;
  holds?: string;
  delete_token?: string;
}

/** What is known of a run over a set; `result` is that of its kind, so far. */
export interface SetRun {
  job: Job | null;
  result: any;
  run: RunMade | null;
  request: any;
}

export interface SetWorkOf {
  kind: string;
  cancel: string;
  opened: string | null | undefined;
  tell: (runId: string) => void;
}

export interface SetWork {
  set: PromptSet;
  actions: SetActions;
  kept: SetRun;
  start: (request: any) => void;
  stop: () => void;
}
