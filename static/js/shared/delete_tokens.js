/* Whoever recorded a run may name it and remove it: this browser keeps the delete token that was
 * told once. Under localStorage["functionscope-run-<run_id>"]; another browser simply has no such
 * tools. */

/** @param {string} runId */
const key = (runId) => `functionscope-run-${runId}`;

/** @param {string} runId */
export function stored(runId) {
  try {
    return window.localStorage.getItem(key(runId));
  } catch {
    return null;
  }
}

/**
 * @param {string} runId
 * @param {string | null} token
 */
export function keep(runId, token) {
  try {
    if (token) window.localStorage.setItem(key(runId), token);
    else window.localStorage.removeItem(key(runId));
  } catch {
    /* storage is forbidden: the run stays, and so does its link */
  }
}

/**
 * What POST /api/runs answered, one a run.
 *
 * @param {{ run_id: string, delete_token?: string | null }[] | null | undefined} runs
 */
export function keepTokens(runs) {
  for (const run of runs || []) if (run.delete_token) keep(run.run_id, run.delete_token);
}
