/* A conversation: whether the prompt is a user's turn of the chat template, and the turns before
 * it. */

import { h } from "../hooks/react.js";
import { useTyped } from "./prefix_box.js";
import { nextRole, turnWords } from "./turns.js";

/** @import { DashProps, Turn } from "../types.js" */

/** @type {Turn["role"][]} */
const ROLES = ["system", "user", "assistant"];

/**
 * @param {{ id: string, turn: Turn, place: number, put: (turn: Turn | null) => void }} props
 */
function TurnRow({ id, turn, place, put }) {
  const [, typed] = useTyped(turn.content, (content) => put({ ...turn, content }), 400);
  return h(
    "div",
    { className: "fs-turn" },
    h(
      "select",
      {
        id: `${id}-role-${place}`,
        value: turn.role,
        "aria-label": `whose turn ${place + 1} is`,
        onChange: (event) => put({ ...turn, role: /** @type {any} */ (event.target.value) }),
      },
      ROLES.map((role) => h("option", { key: role, value: role }, role)),
    ),
    h("textarea", {
      id: `${id}-turn-${place}`,
      className: "fs-prompt-area",
      rows: 2,
      spellCheck: false,
      "aria-label": `what turn ${place + 1} says`,
      ...typed,
    }),
    h(
      "button",
      {
        type: "button",
        className: "fs-button",
        "aria-label": `remove turn ${place + 1}`,
        onClick: () => put(null),
      },
      "×",
    ),
  );
}

/** @param {{ id: string, turns: Turn[], tell: (turns: Turn[]) => void }} props */
function Turns({ id, turns, tell }) {
  /** @param {Turn} turn */
  const add = (turn) => tell(turn.role === "system" ? [turn, ...turns] : [...turns, turn]);
  const button = { type: "button", className: "fs-button" };
  return h(
    "details",
    { className: "fs-turns", id: id + "-turns", open: turns.length ? true : undefined },
    h("summary", { id: id + "-words" }, turnWords(turns)),
    turns.map((turn, place) =>
      h(TurnRow, {
        key: `${turns.length}-${place}`,
        id,
        turn,
        place,
        put: (next) =>
          tell(turns.flatMap((other, at) => (at === place ? (next ? [next] : []) : [other]))),
      }),
    ),
    h(
      "div",
      { className: "fs-turn-tools" },
      turns.some((turn) => turn.role === "system")
        ? null
        : h(
            "button",
            { ...button, id: id + "-system", onClick: () => add({ role: "system", content: "" }) },
            "Add a system turn",
          ),
      h(
        "button",
        {
          ...button,
          id: id + "-add",
          onClick: () => add({ role: nextRole(turns), content: "" }),
        },
        `Add a turn of the ${nextRole(turns)}`,
      ),
      h("span", { className: "fs-quiet" }, "The prompt is the last turn, the user's."),
    ),
  );
}

/**
 * props: has_chat (the model has a template), asks (there is a switch here). Written by the person:
 * chat, turns.
 *
 * @param {DashProps & { has_chat?: boolean, asks?: boolean, chat?: boolean, turns?: Turn[] | null
 *   }} props
 */
export function ConversationBox(props) {
  const { id, chat } = props;
  if (!chat && !(props.has_chat && props.asks)) return null;
  return h(
    "div",
    { id, className: "fs-talk" },
    props.asks
      ? h(
          "label",
          {
            className: "fs-field",
            title: "Wrap each prompt in the model's chat template; every token of it is shown.",
          },
          h("input", {
            id: id + "-chat",
            type: "checkbox",
            checked: Boolean(chat),
            onChange: (event) => props.setProps({ chat: event.target.checked }),
          }),
          "chat template",
        )
      : null,
    chat
      ? h(Turns, { id, turns: props.turns || [], tell: (turns) => props.setProps({ turns }) })
      : null,
  );
}
