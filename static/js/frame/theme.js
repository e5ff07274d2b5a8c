/* Light and dark. The event "fs:scheme" on window follows a change; its detail is the scheme. */

import { notice, setProps } from "../shared/notices.js";
import { SCHEME_KEY, scheme, storedScheme, system } from "./scheme.js";

function applyScheme() {
  const value = scheme();
  document.documentElement.setAttribute("data-mantine-color-scheme", value);
  setProps("frame-scheme", { data: value });
  window.dispatchEvent(new CustomEvent("fs:scheme", { detail: value }));
}

export function toggleScheme() {
  const next = scheme() === "dark" ? "light" : "dark";
  try {
    window.localStorage.setItem(SCHEME_KEY, next);
  } catch {
    notice("This browser forbids storage: the theme lasts until the page is reloaded.");
  }
  applyScheme();
}

system.addEventListener("change", () => storedScheme() ?? applyScheme());

window.addEventListener("storage", (event) => event.key === SCHEME_KEY && applyScheme());
