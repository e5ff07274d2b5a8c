/* Labels taken along as a file, and read from one. */

import { at } from "../shared/base.js";
import { h, useRef } from "../shared/hooks/react.js";
import { readLabels } from "../shared/hooks/labels.js";
import { notice, reportProblem } from "../shared/notices.js";

/** @import { Ref } from "../shared/hooks/types.js" */
/** @import { DashProps } from "../shared/types.js" */

/** @param {File} file */
async function readFile(file) {
  const format = /\.(csv|json)$/i.exec(file.name)?.[1].toLowerCase();
  if (!format) {
    const detail = `${file.name} is no file of labels: its name must end in .csv or .json.`;
    reportProblem({ title: "Not possible as asked", detail });
    return;
  }
  const reply = await fetch("/api/labels/import", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ format, text: await file.text() }),
  });
  const answer = await reply.json();
  if (!reply.ok) {
    reportProblem({ ...answer, detail: `${file.name}, ${answer.detail}` });
    return;
  }
  notice(`${file.name}: ${answer.written} labels written, ${answer.unchanged} stood there already`);
  readLabels();
}

/** @param {DashProps} props */
export function LabelFiles({ id }) {
  /** @type {Ref<HTMLInputElement | null>} */
  const picker = useRef(null);
  const onChange = () => {
    const file = picker.current?.files?.[0];
    if (file) readFile(file);
    if (picker.current) picker.current.value = "";
  };
  /** @param {string} format */
  const link = (format) =>
    h(
      "a",
      { className: "fs-button", href: at(`/api/labels/file?format=${format}`), download: "" },
      format.toUpperCase(),
    );
  return h(
    "div",
    { id, className: "fs-label-files" },
    h("span", { className: "fs-muted" }, "Own labels, of all layers:"),
    link("csv"),
    link("json"),
    h(
      "button",
      { type: "button", className: "fs-button", onClick: () => picker.current?.click() },
      "Import…",
    ),
    h("input", {
      ref: picker,
      type: "file",
      accept: ".csv,.json",
      hidden: true,
      "aria-label": "file of labels",
      onChange,
    }),
  );
}
