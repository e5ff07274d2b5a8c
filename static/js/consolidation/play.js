/* Plays through the checkpoints. */

import { tell } from "../shared/dash.js";
import { byId, part } from "./elements.js";

const PLAY_MS = 700;

/** @type {number | undefined} */
let timer;

export const playing = () => timer !== undefined;

export function play() {
  if (timer) return stop();
  const last = () => Number(part("cursor").max);
  if (Number(part("cursor").value) >= last()) tell("consolidation-cursor", { value: 0 });
  part("play").textContent = "❚❚";
  timer = window.setInterval(() => {
    const input = byId("cursor");
    if (!input || Number(input.value) >= last()) return stop();
    tell("consolidation-cursor", { value: Number(input.value) + 1 });
  }, PLAY_MS);
  return "playing";
}

export function stop() {
  window.clearInterval(timer);
  timer = undefined;
  const button = byId("play");
  if (button) button.textContent = "▶";
  return "stopped";
}
