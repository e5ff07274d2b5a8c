/* The readings at the locked position: asked for when it changes, and known from then on. */

import { useKept } from "../../shared/hooks/kept.js";
import { useEffect } from "../../shared/hooks/react.js";
import { problemOf, refusal } from "../../shared/stream.js";

/** @import { LensBody, LensPlan, Reading, WordsProps } from "./types.js" */

const KNOWN_MOST = 200;

/**
 * @param {string} endpoint
 * @param {LensBody} body
 * @param {Reading} reading
 */
async function read(endpoint, body, reading) {
  try {
    const response = await fetch(endpoint, {
      method: "POST",
      signal: reading.abort.signal,
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    });
    if (!response.ok) throw await refusal(response);
    reading.rows = (await response.json()).rows;
  } catch (error) {
    if (!reading.abort.signal.aborted) reading.problem = problemOf(error, "Nothing was read");
  }
}

/**
 * React hook: [the reading of a body, or undefined; again()]. Other bodies, and what was on its way
 * is cancelled.
 *
 * @param {WordsProps} props
 * @param {LensPlan[]} plans
 * @returns {[(body: LensBody) => Reading | undefined, () => void]}
 */
export function useReadings(props, plans) {
  const [redraw, kept] = useKept(/** @type {Map<string, Reading>} */ (new Map()));
  const readings = kept.current;
  const bodies = plans.flatMap(({ body }) => body || []);
  const key = JSON.stringify(bodies);
  const ask = () => {
    if (readings.size > KNOWN_MOST) readings.clear();
    for (const body of bodies) {
      const name = JSON.stringify(body);
      if (readings.has(name)) continue;
      /** @type {Reading} */
      const reading = { abort: new AbortController(), rows: null, problem: null };
      readings.set(name, reading);
      read(props.endpoint, body, reading).then(redraw);
    }
    redraw();
  };
  const cancel = () => {
    for (const [name, reading] of readings) {
      if (reading.rows) continue;
      reading.abort.abort();
      readings.delete(name);
    }
  };
  // the drawer holds what a press would ask, too
  useEffect(() => {
    if (bodies.length) props.setProps({ bodies });
  }, [key]);
  useEffect(() => {
    if (!props.settings.words || !bodies.length) return undefined;
    ask();
    return cancel;
  }, [key, props.settings.words]);
  const again = () => {
    cancel();
    ask();
  };
  return [(body) => readings.get(JSON.stringify(body)), again];
}
