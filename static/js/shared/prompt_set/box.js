/* Prompts of one's own: pasted or from a file, with its format and column, what was read of it and
 * which rows hold none. */

import { h, useEffect, useRef, useState } from "../hooks/react.js";
import { problemOf, refusal } from "../stream.js";
import { asPasted, EMPTY_SET, FORMATS, readBody, readWords, wrongWords } from "./reading.js";

/** @import { PromptSet, ReadPrompts, SetActions, SetPatch } from "./types.js" */

const TYPED_MS = 350;

/**
 * @param {object} body
 * @returns {Promise<ReadPrompts>}
 */
async function ask(body) {
  const response = await fetch("/api/prompts", {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
  });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/**
 * Its bytes in base64; throws a problem for one that is larger than the server takes.
 *
 * @param {File} file
 * @returns {Promise<string>}
 */
async function encoded(file) {
  const capabilities = await fetch("/api/capabilities").then((reply) => reply.json());
  const most = Math.floor((3 * capabilities.limits.upload_bytes) / 4) - 1024;
  if (file.size > most) {
    const sizes = [file.size, most].map((n) => n.toLocaleString("en"));
    const detail = `${file.name} has ${sizes[0]} bytes; this server takes ${sizes[1]}.`;
    throw { title: "Too long", detail, request_id: "" };
  }
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,?/, ""));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/**
 * React hook: [the set, what can be done with it]. Only the newest reading counts.
 *
 * @returns {[PromptSet, SetActions]}
 */
export function usePromptSet() {
  const [set, put] = useState(EMPTY_SET);
  const latest = useRef(set);
  const asked = useRef(0);
  /** @param {SetPatch} patch */
  const change = (patch) => put((latest.current = { ...latest.current, ...patch }));
  /**
   * @param {number} mine
   * @param {Promise<SetPatch>} coming
   */
  const settle = (mine, coming) =>
    coming
      .catch((error) => ({ problem: problemOf(error, "The prompts cannot be read") }))
      .then((patch) => mine === asked.current && change({ busy: false, ...patch }));
  const read = () => {
    const body = readBody(latest.current);
    const mine = ++asked.current;
    change({ answer: null, problem: null, busy: body !== null });
    if (body)
      settle(
        mine,
        ask(body).then((answer) => ({ answer })),
      );
  };
  const timer = useRef(0);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const actions = {
    type: (/** @type {string} */ text) => {
      change({ text, file: null, column: "", busy: Boolean(text.trim()) });
      asked.current += 1;
      window.clearTimeout(timer.current);
      timer.current = window.setTimeout(read, TYPED_MS);
    },
    choose: (/** @type {File} */ file) => {
      const mine = ++asked.current;
      change({ answer: null, problem: null, busy: true });
      encoded(file).then(
        (data) => {
          if (mine !== asked.current) return;
          change({ file: { name: file.name, data }, text: "", format: "", column: "" });
          read();
        },
        (error) => settle(mine, Promise.reject(error)),
      );
    },
    change: (/** @type {SetPatch} */ patch) => {
      change(patch);
      if ("format" in patch || "column" in patch) read();
    },
    clear: () => {
      asked.current += 1;
      change(EMPTY_SET);
    },
    load: (/** @type {string[]} */ prompts) => {
      change({ ...EMPTY_SET, ...asPasted(prompts) });
      read();
    },
  };
  return [set, actions];
}

/**
 * @param {{ id: string, label: string, value: string, options: [string, string][], put: (value:
 *   string) => void }} props
 */
const Choice = ({ id, label, value, options, put }) =>
  h(
    "span",
    { className: "fs-field" },
    h("label", { htmlFor: id }, label),
    h(
      "select",
      { id, value, onChange: (event) => put(event.target.value) },
      options.map(([key, name]) => h("option", { key, value: key }, name)),
    ),
  );

/** @param {{ id: string, set: PromptSet, actions: SetActions }} props */
function Tools({ id, set, actions }) {
  const found = set.answer;
  /** @type {[string, string][]} */
  const formats = [["", found ? `as it is: ${FORMATS[found.effective.format]}` : "as it is"]];
  return h(
    "div",
    { className: "fs-sweep-controls fs-own-tools" },
    h(
      "label",
      { className: "fs-button fs-own-file" },
      "Open a file…",
      h("input", {
        id: id + "-file",
        type: "file",
        className: "fs-visually-hidden",
        accept: ".txt,.csv,.tsv,.jsonl,.ndjson,.parquet",
        onChange: (event) => {
          const [file] = event.target.files || [];
          event.target.value = "";
          if (file) actions.choose(file);
        },
      }),
    ),
    h(Choice, {
      id: id + "-format",
      label: "format",
      value: set.format,
      options: formats.concat(Object.entries(FORMATS)),
      put: (format) => actions.change({ format, column: "" }),
    }),
    found && found.columns.length
      ? h(Choice, {
          id: id + "-column",
          label: "column",
          value: found.column || "",
          options: found.columns.map((name) => [name, name]),
          put: (column) => actions.change({ column }),
        })
      : null,
    h(
      "label",
      { className: "fs-field", title: "Added where a prompt has none at its end." },
      h("input", {
        id: id + "-ends",
        type: "checkbox",
        checked: set.ends,
        onChange: (event) => actions.change({ ends: event.target.checked }),
      }),
      "each ends with ↵",
    ),
    set.text || set.file || set.problem
      ? h("button", { type: "button", className: "fs-button", onClick: actions.clear }, "Clear")
      : null,
  );
}

/** @param {PromptSet} set */
function placeholder({ file, answer }) {
  if (!file) return "Paste them here, or open a file.";
  return answer ? answer.prompts.slice(0, 5).join("\n") : file.name;
}

/**
 * The box: what was pasted stays whatever is wrong with it.
 *
 * @param {{ id: string, set: PromptSet, actions: SetActions }} props
 */
export function PromptSetBox({ id, set, actions }) {
  const found = set.answer;
  return h(
    "div",
    { id, className: "fs-own" },
    h(
      "label",
      { className: "fs-trait-field" },
      h("span", null, "Prompts of your own: one a line, JSON Lines or CSV"),
      h("textarea", {
        id: id + "-text",
        rows: 5,
        value: set.text,
        spellCheck: false,
        placeholder: placeholder(set),
        onChange: (event) => actions.type(event.target.value),
      }),
    ),
    h(Tools, { id, set, actions }),
    h("p", { className: "fs-quiet", role: "status", id: id + "-status" }, readWords(set)),
    set.problem
      ? h(
          "div",
          { className: "fs-prompt-problem", role: "alert" },
          `${set.problem.title}: ${set.problem.detail}`,
        )
      : null,
    found && found.n_wrong
      ? h(
          "details",
          { className: "fs-own-wrong", open: !found.n_prompts },
          h("summary", { className: "fs-warn" }, wrongWords(found)),
          h(
            "ul",
            null,
            found.wrong.map((one) => h("li", { key: one.row }, `row ${one.row} ${one.what}`)),
          ),
          found.wrong.length < found.n_wrong
            ? h("p", { className: "fs-quiet" }, `the first ${found.wrong.length} are listed`)
            : null,
        )
      : null,
  );
}
