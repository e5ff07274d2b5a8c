/* Elements of the page by name. */

export const GRAPHS = ["loss", "features", "degree"];

export const byId = (name) => document.getElementById(`consolidation-${name}`);

export const plotOf = (name) => byId(name) && byId(name).querySelector(".js-plotly-plot");

export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}
