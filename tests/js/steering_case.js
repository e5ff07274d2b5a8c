/* A steering recipe with two edits, and what is known where the first of them is plugged in. */

export const EDIT = {
  sae_id: "layer_2",
  feature_index: 3,
  mode: "add",
  value: 20,
  positions: "last_function",
};
export const OTHER = { ...EDIT, feature_index: 4, positions: [2, 3] };
export const SETTINGS = {
  prompt: "a\n",
  chat: false,
  interventions: [EDIT, OTHER],
  include_generated: false,
  freeze_attention: false,
  max_new_tokens: 8,
  temperature: 0.8,
  samples: 2,
  seed: 5,
  controls: true,
};
export const PLACE = { q999: 20, decoder_norm: 2, residual_norm: 50, activation: 5 };
export const SILENT = { ...PLACE, activation: 0 };

/** Within what floating point leaves of a number worked by hand. */
export const near = (found, wanted) =>
  typeof found === "number" && Math.abs(found - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted));
