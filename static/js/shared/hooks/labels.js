/* People's own labels of features (/api/labels): asked for once a page shows a feature, and kept
 * here for whoever shows one. */

import { at } from "../base.js";
import { keep, stored } from "../delete_tokens.js";
import { useEffect, useSyncExternalStore } from "./react.js";

/** @import { FeatureInfo, Label, Labels, Problem } from "../types.js" */

/** @type {Labels} */
let known = new Map();
let asked = false;
let trouble = "";
/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * @param {string} saeId
 * @param {number} feature
 */
export const keyOf = (saeId, feature) => `${saeId}:${feature}`;

/** By "sae_id:feature_index"; another map after every change. */
export const knownLabels = () => known;

/** Why labels could not be read; empty where they were. */
export const labelsTrouble = () => trouble;

/** @param {() => void} listener */
export function onLabels(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @param {Labels} now */
function become(now) {
  known = now;
  listeners.forEach((listener) => listener());
}

/** Asks again: somebody has written some. */
export async function readLabels() {
  asked = true;
  const reply = await fetch("/api/labels").catch(() => null);
  /** @type {{ labels: Label[], detail?: string } | null} */
  const answer = reply && (await reply.json().catch(() => null));
  trouble = reply?.ok ? "" : answer?.detail || "Labels could not be read.";
  if (!reply?.ok || !answer) become(new Map(known));
  else become(new Map(answer.labels.map((one) => [keyOf(one.sae_id, one.feature_index), one])));
}

/** Asks, unless that was done. */
export function wantLabels() {
  if (!asked) readLabels();
}

/**
 * @param {string} saeId
 * @param {number} feature
 */
const pathOf = (saeId, feature) => `/api/labels/${encodeURIComponent(saeId)}/${feature}`;

/**
 * What its delete token is kept under.
 *
 * @param {string} saeId
 * @param {number} feature
 */
const tokenOf = (saeId, feature) => "label-" + at(pathOf(saeId, feature));

/**
 * What the server said: the label, or why not.
 *
 * @param {string} method
 * @param {string} saeId
 * @param {number} feature
 * @param {object} [body]
 * @returns {Promise<{ label?: Label & { delete_token?: string | null }, problem?: Problem }>}
 */
async function send(method, saeId, feature, body) {
  const own = tokenOf(saeId, feature);
  const headers = { "Content-Type": "application/json", "X-Delete-Token": stored(own) || "" };
  const sent = { method, headers, body: body && JSON.stringify(body) };
  try {
    const reply = await fetch(pathOf(saeId, feature), sent);
    const answer = await reply.json();
    return reply.ok ? { label: answer } : { problem: answer };
  } catch {
    return { problem: { title: "No connection", detail: "The server did not answer: try again." } };
  }
}

/**
 * Writes a label; the problem where that was refused.
 *
 * @param {string} saeId
 * @param {number} feature
 * @param {{ label: string, note: string, author: string }} body
 * @returns {Promise<Problem | null>}
 */
export async function writeLabel(saeId, feature, body) {
  const { label, problem } = await send("PUT", saeId, feature, body);
  if (!label) return problem ?? null;
  if (label.delete_token) keep(tokenOf(saeId, feature), label.delete_token);
  become(new Map(known).set(keyOf(saeId, feature), label));
  return null;
}

/**
 * Takes a label away; the problem where that was refused.
 *
 * @param {string} saeId
 * @param {number} feature
 * @returns {Promise<Problem | null>}
 */
export async function removeLabel(saeId, feature) {
  const { problem } = await send("DELETE", saeId, feature);
  if (problem) return problem;
  keep(tokenOf(saeId, feature), null);
  const now = new Map(known);
  now.delete(keyOf(saeId, feature));
  become(now);
  return null;
}

/** React hook: the labels, asked for by whoever uses it first. */
export function useLabels() {
  useEffect(wantLabels, []);
  return useSyncExternalStore(onLabels, knownLabels);
}

/**
 * What is known of an SAE's features, with their own labels.
 *
 * @param {Record<number, FeatureInfo>} info
 * @param {string} saeId
 * @param {Labels} labels
 * @returns {Record<number, FeatureInfo>}
 */
export function withLabels(info, saeId, labels) {
  const own = [...labels.values()].filter((one) => one.sae_id === saeId);
  if (!own.length) return info;
  const named = own.map((one) => [
    one.feature_index,
    { ...info[one.feature_index], label: one.label },
  ]);
  return { ...info, ...Object.fromEntries(named) };
}
