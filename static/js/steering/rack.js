/* The prompt's tokens with a socket under each, and the features plugged into them. A socket takes
 * a feature by a click (the selected one), by dragging, or by `p` on the token that is walked to.
 */

import { useKeys } from "../shared/hooks/keys.js";
import { notice } from "../shared/notices.js";
import { h, useRef, useState } from "../shared/hooks/react.js";
import { TokenStrip } from "../shared/tokens/strip.js";
import { InterventionCard } from "./card.js";
import { moved, newIntervention, plugs, startSocket, withPercentile } from "./interventions.js";
import { FeatureSearch } from "./search.js";

/** @import { DragAt, PointerAt } from "../shared/hooks/types.js" */
/** @import { Feature } from "../shared/types.js" */
/** @import { RackAct, RackNow, RackProps } from "./rack_types.js" */
/** @import { Intervention, Positions } from "./types.js" */

/**
 * @param {{ id: string, on?: boolean, label: string, title: string, tell: (on: boolean) => void }}
 *   props
 */
function Option({ id, on, label, title, tell }) {
  return h(
    "label",
    { className: "fs-check", title },
    h("input", {
      id,
      type: "checkbox",
      checked: Boolean(on),
      onChange: (event) => tell(event.target.checked),
    }),
    label,
  );
}

/** @param {{ props: RackProps }} props */
function Options({ props }) {
  return h(
    "div",
    { className: "fs-rack-options" },
    h(Option, {
      id: props.id + "-generated",
      on: props.include_generated,
      label: "edit the generated tokens too",
      title:
        "Off, as in the paper: only the prompt's positions are edited. On: every token that " +
        "is written, too.",
      tell: (on) => props.setProps({ include_generated: on }),
    }),
    h(Option, {
      id: props.id + "-freeze",
      on: props.freeze_attention,
      label: "freeze attention",
      title:
        "At the prompt's positions every arm attends exactly as the baseline does, in all " +
        "layers and heads: what is left is not the edit changing where the model looks.",
      tell: (on) => props.setProps({ freeze_attention: on }),
    }),
    props.has_chat
      ? h(Option, {
          id: props.id + "-chat",
          on: props.chat,
          label: "chat template",
          title:
            "Wrap the prompt in the model's chat template; the sockets show every token of it.",
          tell: (on) => props.setProps({ chat: on }),
        })
      : null,
  );
}

/** The position of the token that has the focus; null when none has. */
function walkedTo() {
  const at = document.activeElement?.closest(".fs-rack [data-position]");
  return at ? Number(at.getAttribute("data-position")) : null;
}

/**
 * What a person does to the list of interventions; `now` is what the rack shows.
 *
 * @param {RackProps} props
 * @param {RackNow} now
 */
function actions(props, now) {
  /** @param {Intervention[]} interventions */
  const set = (interventions) => props.setProps({ interventions });
  /**
   * @param {string} uid
   * @param {Partial<Intervention>} patch
   */
  const change = (uid, patch) =>
    set(now.list.map((it) => (it.uid === uid ? Object.assign({}, it, patch) : it)));
  /**
   * @param {number | null} position
   * @returns {Positions}
   */
  const place = (position) =>
    position === null || position === now.lastFunction ? "last_function" : [position];
  /**
   * @param {Feature} feature
   * @param {number | null} [at]
   */
  const add = async (feature, at) => {
    const known = await withPercentile(feature);
    const list = now.latest.current; // others may have been added while the build was asked
    if (list.length >= now.limit) {
      notice(`This server takes at most ${now.limit} interventions: remove one first.`);
      return;
    }
    const made = newIntervention(known, place(at === undefined ? now.socket : at));
    set(list.concat([made]));
    now.setSelected(made.uid);
  };
  /**
   * @param {number} position
   * @param {boolean} extend
   */
  const plug = (position, extend) => {
    const it = now.active || (now.list.length === 1 ? now.list[0] : null);
    if (it)
      change(it.uid, { positions: moved(it, position, extend, now.lastFunction, now.tokens) });
    else now.setTarget(position);
  };
  /**
   * @param {number} position
   * @param {DragAt} event
   */
  const onDrop = (position, event) => {
    const data = event.dataTransfer.getData("text/plain");
    if (data.startsWith("feature ")) add(JSON.parse(data.slice(8)), position);
    else if (now.list.some((it) => it.uid === data)) change(data, { positions: place(position) });
  };
  return { set, change, add, plug, onDrop };
}

/**
 * @param {KeyboardEvent} event
 * @param {RackNow} now
 * @param {RackAct} act
 */
function onKey(event, now, act) {
  const it = now.active || now.list[0];
  const at = walkedTo();
  if (event.key === "x" && it) act.change(it.uid, { on: !it.on });
  else if ((event.key === "p" || event.key === "P") && at !== null) act.plug(at, event.key === "P");
  else return;
  event.preventDefault();
}

/**
 * @param {Intervention | null} active
 * @param {Intervention[]} list
 * @param {number | null} lastFunction
 */
function hint(active, list, lastFunction) {
  if (active)
    return (
      `A click on a socket moves feature ${active.feature_index} there; with Shift it is ` +
      `plugged in there as well.`
    );
  const start =
    lastFunction === null
      ? "last token (none is known as a function token)"
      : "last function token";
  if (!list.length)
    return (
      "Nothing is plugged in: find a feature below, and it goes into the marked socket, which " +
      `starts at the ${start}.`
    );
  return `New features go into the marked socket. It starts at the ${start}.`;
}

/**
 * One card per intervention.
 *
 * @param {{ props: RackProps, now: RackNow, act: RackAct, selected: string | null }} props
 */
function Cards({ props, now, act, selected }) {
  /** @param {Intervention} it */
  const key = (it) => `${it.sae_id}:${it.feature_index}`;
  return h(
    "div",
    { className: "fs-cards" },
    now.list.map((it) =>
      h(InterventionCard, {
        key: it.uid,
        it,
        info: (props.info || {})[key(it)],
        strength: (props.strengths || {})[key(it)],
        tokens: now.tokens,
        lastFunction: now.lastFunction,
        saes: props.saes,
        lastLayer: props.last_layer,
        limits: props.limits,
        selected: it.uid === selected,
        id: props.id,
        select: () => now.setSelected(it.uid === selected ? null : it.uid),
        change: (patch) => act.change(it.uid, patch),
        remove: () => {
          now.setSelected(null);
          act.set(now.list.filter((other) => other.uid !== it.uid));
        },
      }),
    ),
  );
}

/**
 * props: see app/parts/components.py.
 *
 * @param {RackProps} props
 */
export function InterventionRack(props) {
  const [selected, setSelected] = useState(null);
  const [target, setTarget] = useState(null);
  const [tokens, list] = [props.tokens || [], props.interventions || []];
  const latest = useRef(list);
  latest.current = list;
  const lastFunction = props.last_function === undefined ? null : props.last_function;
  const now = {
    list,
    latest,
    tokens,
    lastFunction,
    setSelected,
    setTarget,
    active: list.find((it) => it.uid === selected) || null,
    socket: startSocket(target, tokens, lastFunction),
    limit: (props.limits && props.limits.interventions) || 8,
  };
  const act = actions(props, now);
  useKeys((event) => onKey(event, now, act));
  /**
   * @param {number} position
   * @param {PointerAt} event
   */
  const onSocket = (position, event) =>
    now.active
      ? act.plug(position, event.shiftKey || event.ctrlKey || event.metaKey)
      : setTarget(position);
  return h(
    "div",
    { id: props.id, className: "fs-rack" },
    h(TokenStrip, {
      id: props.id + "-strip",
      label: "prompt with sockets",
      tokens,
      locked: now.active ? null : now.socket,
      sockets: plugs(list, tokens, lastFunction),
      default_position: now.socket,
      onSocket,
      onDrop: act.onDrop,
      setProps: ({ locked }) => {
        if (locked !== null) setTarget(locked);
      },
    }),
    h("p", { className: "fs-quiet fs-rack-hint" }, hint(now.active, list, lastFunction)),
    h(Cards, { props, now, act, selected }),
    h(FeatureSearch, { props, add: (feature) => act.add(feature) }),
    h(Options, { props }),
  );
}
