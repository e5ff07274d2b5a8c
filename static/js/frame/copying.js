/* Copies to the clipboard, and says so. */

import { notice } from "../shared/notices.js";

/**
 * @param {string} text
 * @param {string} said
 */
export async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    notice(said);
  } catch {
    notice("The browser refused the clipboard: select the text and copy it by hand.");
  }
}

/* A copied link says on which build it was made (app/link_note.py reads it); the address bar does
 * not. */
function markedLink() {
  const link = new URL(window.location.href);
  const build = document.querySelector("[data-fs-build]")?.getAttribute("data-fs-build");
  link.searchParams.delete("b");
  if (build) link.searchParams.set("b", `1-${build}`);
  return link.href;
}

export const copyLink = () => copy(markedLink(), "Link copied: it reopens exactly this.");
