/* Whether the server answers, and what waits until it does again. What could not be asked is not
 * lost: it is asked as soon as somebody answers, so that a page that was cut off goes on by itself.
 */

/** @import { Ask, Connection, Links, Waiting } from "./types.js" */

const EVERY_MS = 2000;
const TRIES = 3; // of one request that fails although the server answers others

/** Dash takes it as an answer that changes nothing. */
const nothing = () => new Response(null, { status: 204 });

/** Requests that wait for an answer, in the order in which they came. */
function waitingRoom() {
  /** @type {Set<Waiting>} */
  const waiting = new Set();

  /**
   * True: ask now. False: something newer of this key is asked instead.
   *
   * @param {string | undefined} key
   * @param {AbortSignal | null | undefined} signal
   * @returns {Promise<boolean>}
   */
  function turn(key, signal) {
    for (const one of [...waiting]) if (key !== undefined && one.key === key) one.end(false);
    return new Promise((resolve, reject) => {
      /** @param {() => void} then */
      const leave = (then) => {
        waiting.delete(one);
        signal?.removeEventListener("abort", refuse);
        then();
      };
      const refuse = () => leave(() => reject(signal?.reason));
      const one = { key, end: (/** @type {boolean} */ go) => leave(() => resolve(go)) };
      waiting.add(one);
      signal?.addEventListener("abort", refuse);
    });
  }

  return { turn, open: () => [...waiting].forEach((one) => one.end(true)) };
}

/**
 * `send` is the browser's fetch; `probe` rejects while nobody answers; `changed` hears of every
 * change; `planOf` says what becomes of a request meanwhile; `unasked` hears of each that could not
 * be asked.
 *
 * @param {Links} links
 * @returns {Connection}
 */
export function createConnection({ send, probe, changed, planOf, unasked, every = EVERY_MS }) {
  let lost = false;
  let timer = 0;
  const room = waitingRoom();

  /** @param {boolean} now */
  function become(now) {
    if (lost === now) return;
    lost = now;
    changed(lost);
    if (!lost) room.open();
  }

  async function look() {
    clearTimeout(timer);
    try {
      await probe();
      become(false);
    } catch {
      become(true);
      timer = Number(setTimeout(look, every));
    }
  }

  /** @type {Ask} */
  async function ask(input, init) {
    const plan = planOf(input, init);
    for (let tries = 1; ; tries += 1) {
      let error = null;
      if (!lost) {
        try {
          return await send(input, init);
        } catch (thrown) {
          if (!(thrown instanceof TypeError) || init?.signal?.aborted) throw thrown;
          error = thrown;
          await look();
        }
      }
      if (!lost && tries < TRIES) continue;
      unasked(plan, lost);
      if (plan.meanwhile === "drop") return nothing();
      if (!lost || plan.meanwhile === "fail") throw error ?? new TypeError("no connection");
      if (!(await room.turn(plan.key, init?.signal))) return nothing();
      tries = 0;
    }
  }

  return { ask, look, isLost: () => lost };
}
