/* The page /unlock: the token goes from the form to the API, and a cookie comes back. It is kept
 * nowhere else. */

import { around, element } from "./events.js";

/** @import { Values } from "./types.js" */

/**
 * @param {string} method
 * @param {Values} [body]
 */
async function session(method, body) {
  const reply = await fetch("/api/session", {
    method,
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const answer = await reply.json();
  if (!reply.ok) throw new Error(answer.detail || reply.statusText);
  return answer;
}

/** @param {string} text */
function say(text) {
  const place = document.getElementById("unlock-said");
  if (place) place.textContent = text;
}

document.addEventListener("submit", async (event) => {
  if (!around(event, "#unlock-form")) return;
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (element("unlock-token"));
  try {
    const { token_required } = await session("POST", { token: field.value });
    say(token_required ? "Unlocked. Go back to where you were." : "This server asks for no token.");
    field.value = "";
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
});

document.addEventListener("click", async (event) => {
  if (!around(event, "#unlock-forget")) return;
  try {
    const { locked } = await session("DELETE");
    say(locked ? "Locked." : "This server asks for no token.");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
});
