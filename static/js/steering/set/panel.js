/* The page's edit tried on a set of prompts of one's own. */

import { h, useEffect } from "../../shared/hooks/react.js";
import { PromptSetBox } from "../../shared/prompt_set/box.js";
import { promptsOf } from "../../shared/prompt_set/reading.js";
import { SetRunTools, useSetWork } from "../../shared/prompt_set/work.js";
import { Section, TargetField } from "../section.js";
import { setPlan, setTable } from "./plan.js";
import { SteerSetAnswers } from "./results.js";

/** @import { SetSettings, SteerSetProps } from "./types.js" */

const SUCCESS = {
  "": "not judged",
  "language:zh": "the answer is Chinese",
  "language:en": "the answer is English",
  "regex:": "the answer matches …",
  "token:": "the next token is …",
};

/** @type {SetSettings} */
const CLOSED = { open_set: "", set: "", set_success: "" };

/**
 * props: see app/pages/steer/components.py.
 *
 * @param {SteerSetProps} props
 */
export function SteerSet(props) {
  const settings = props.settings || CLOSED;
  /** @param {Partial<SetSettings>} patch */
  const change = (patch) => props.setProps({ settings: { ...settings, ...patch } });
  const work = useSetWork({
    kind: "steer_set",
    cancel: props.cancel,
    opened: settings.set,
    tell: (set) => change({ set }),
  });
  const { kept } = work;
  const asked = kept.request ? kept.request.prompts : [];
  useEffect(() => {
    if (kept.request) props.setProps({ body: kept.request });
  }, [kept.request]);
  const prompts = promptsOf(work.set);
  const { body, problem } = setPlan(settings.set_success, prompts, props.request);
  const n = prompts ? prompts.length : 0;
  return h(
    Section,
    {
      id: props.id,
      title: "Over many prompts",
      open: settings.open_set,
      code: props.code,
      toggle: () => change({ open_set: settings.open_set ? "" : "1" }),
      lead:
        "The edit of this page on prompts of your own: how often it works, beside no edit and " +
        "the controls.",
      table: kept.result ? () => setTable(kept.result, asked) : null,
    },
    h(PromptSetBox, { id: props.id + "-own", set: work.set, actions: work.actions }),
    h(
      "div",
      { className: "fs-sweep-controls" },
      h(TargetField, {
        id: props.id + "-success",
        label: "it succeeds when",
        value: settings.set_success,
        choices: SUCCESS,
        onChange: (set_success) => change({ set_success }),
      }),
    ),
    h(SetRunTools, {
      id: props.id,
      label: n ? `Try it on ${n === 1 ? "this prompt" : `these ${n} prompts`}` : "Try it",
      work,
      run: body ? () => work.start(body) : null,
      why: prompts ? problem : null,
    }),
    h(SteerSetAnswers, { id: props.id + "-results", result: kept.result, prompts: asked }),
  );
}
