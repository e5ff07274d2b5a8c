/* Checkpoints and their losses. */

/** [loss, low, high, n, share of the total loss] of one transition at one checkpoint. */
export type Loss = [number, number | null, number | null, number, number];

export type LossLine = Record<number, Loss>;

export interface Consolidation {
  steps: number[];
  axis: string;
  group: string;
  runs: { title: string; last: number; tokens_per_step?: number }[];
  stages: Record<number, { stage: string; words: string }>[];
  loss: Record<string, LossLine>[];
  prompts: { text: string; continuations: Record<string, string> }[];
}
