/* Plays through the checkpoints. */

import { tell } from "../shared/dash.js";
import { byId } from "./elements.js";

const PLAY_MS = 700;

export let timer = null;

export function play() {
  if (timer) return stop();
  const last = () => Number(byId("cursor").max);
  if (Number(byId("cursor").value) >= last()) tell("consolidation-cursor", { value: 0 });
  byId("play").textContent = "❚❚";
  timer = window.setInterval(() => {
    const input = byId("cursor");
    if (!input || Number(input.value) >= last()) return stop();
    tell("consolidation-cursor", { value: Number(input.value) + 1 });
  }, PLAY_MS);
  return "playing";
}

export function stop() {
  window.clearInterval(timer);
  timer = null;
  if (byId("play")) byId("play").textContent = "▶";
  return "stopped";
}
