/* Whoever recorded a run may name it and remove it: this browser keeps the delete token that was told once.
 * Under localStorage["functionscope-run-<run_id>"]; another browser simply has no such tools. */

const key = (runId) => `functionscope-run-${runId}`;

export function stored(runId) {
  try {
    return window.localStorage.getItem(key(runId));
  } catch {
    return null;
  }
}

export function keep(runId, token) {
  try {
    token
      ? window.localStorage.setItem(key(runId), token)
      : window.localStorage.removeItem(key(runId));
  } catch {
    /* storage is forbidden: the run stays, and so does its link */
  }
}

/** What POST /api/runs answered, one a run. */
export function keepTokens(runs) {
  for (const run of runs || []) if (run.delete_token) keep(run.run_id, run.delete_token);
}
