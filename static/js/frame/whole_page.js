/* Saves the page as one file that opens without a server: what is drawn, nothing that runs. */

import { notice } from "../shared/notices.js";

// what a page without scripts cannot do, or would ask a server for
const LEFT_OUT = [
  "script",
  "noscript",
  "template",
  "link",
  "iframe",
  "base",
  ".fs-rail",
  ".fs-skip",
  ".fs-status",
  ".fs-bar-buttons",
  ".fs-panel__tools",
  "dialog:not([open])",
  "._dash-loading",
].join(",");
// nothing is fetched when the file is opened, whatever is in it
const POLICY = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'";
const KEPT_STYLE = `
.fs-frame { display: block !important; }
.fs-kept { padding: 10px 20px; border-bottom: 1px solid var(--fs-line-strong); font-size: 13px; }
button, input, textarea, select, [role="slider"] { pointer-events: none; }`;

/** Every rule that is in force, also those that scripts added. */
function rules() {
  return [...document.styleSheets]
    .map((sheet) => {
      try {
        return [...sheet.cssRules].map((rule) => rule.cssText).join("\n");
      } catch {
        return ""; // of another origin: this product has none
      }
    })
    .join("\n");
}

/** @param {Blob} blob @returns {Promise<string>} */
function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/**
 * The style sheets with fonts and pictures inside.
 *
 * @param {string} css
 */
async function carried(css) {
  const wanted = new Set([...css.matchAll(/url\("?([^")]+)"?\)/g)].map((found) => found[1]));
  let made = css;
  for (const address of wanted) {
    if (address.startsWith("data:") || address.startsWith("#")) continue;
    const answer = await fetch(new URL(address, document.baseURI));
    made = made.replaceAll(address, answer.ok ? await dataUrl(await answer.blob()) : "data:,");
  }
  return made;
}

/**
 * Canvases as pictures, fields with what is typed in them, links that lead to this server.
 *
 * @param {HTMLElement} copy of the document's root element, unchanged so far
 */
function settle(copy) {
  const own = document.documentElement;
  const drawn = [...own.querySelectorAll("canvas")];
  [...copy.querySelectorAll("canvas")].forEach((canvas, place) => {
    const picture = document.createElement("img");
    picture.src = drawn[place].toDataURL();
    picture.className = canvas.className;
    picture.setAttribute("style", drawn[place].style.cssText);
    picture.width = drawn[place].clientWidth;
    picture.height = drawn[place].clientHeight;
    picture.alt = canvas.getAttribute("aria-label") ?? "";
    canvas.replaceWith(picture);
  });
  const fields = [...own.querySelectorAll("input, textarea, select")];
  [...copy.querySelectorAll("input, textarea, select")].forEach((field, place) => {
    const from = /** @type {HTMLInputElement} */ (fields[place]);
    if (field instanceof HTMLTextAreaElement) field.textContent = from.value;
    else if (field instanceof HTMLInputElement) {
      field.setAttribute("value", from.value);
      field.toggleAttribute("checked", from.checked);
    }
    field.setAttribute("tabindex", "-1");
  });
  for (const link of copy.querySelectorAll("a[href]")) {
    const address = String(link.getAttribute("href"));
    if (!address.startsWith("#")) link.setAttribute("href", new URL(address, location.href).href);
  }
  for (const gone of copy.querySelectorAll(LEFT_OUT)) gone.remove();
}

/** @param {HTMLElement} copy */
function banner(copy) {
  const build = document.querySelector("[data-fs-build]")?.getAttribute("data-fs-build");
  const said = document.createElement("p");
  said.className = "fs-kept";
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = location.href;
  const day = new Date().toISOString().slice(0, 16).replace("T", " ");
  const where = build ? `, build ${build}` : "";
  said.append(`Kept from FunctionScope on ${day} UTC${where}: what was drawn, and nothing runs. `);
  said.append("Live: ", link);
  copy.querySelector("body")?.prepend(said);
}

/** The page as the text of an HTML file. */
async function pageFile() {
  const copy = /** @type {HTMLElement} */ (document.documentElement.cloneNode(true));
  settle(copy);
  for (const old of copy.querySelectorAll("style, meta[http-equiv]")) old.remove();
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = POLICY;
  const style = document.createElement("style");
  style.textContent = (await carried(rules())) + KEPT_STYLE;
  copy.querySelector("head")?.prepend(policy);
  copy.querySelector("head")?.append(style);
  banner(copy);
  // reading HTML makes line breaks of carriage returns, and drops one that begins a text
  for (const box of copy.querySelectorAll("pre, textarea")) {
    if (box.textContent?.startsWith("\n")) box.prepend("\n");
  }
  return `<!doctype html>\n${copy.outerHTML.replaceAll("\r", "&#13;")}`;
}

/** Downloads it; a failure is said in the status line. */
export async function savePage() {
  try {
    const file = new Blob([await pageFile()], { type: "text/html" });
    const name = location.pathname.replaceAll("/", "-").replace(/^-|-$/g, "") || "overview";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `functionscope-${name}-${new Date().toISOString().slice(0, 10)}.html`;
    link.click();
    URL.revokeObjectURL(link.href);
    notice("Saved: the file opens without a server.");
  } catch (error) {
    notice(`The page could not be saved: ${error instanceof Error ? error.message : error}`);
  }
}
