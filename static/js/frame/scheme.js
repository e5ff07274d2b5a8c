/* Which scheme holds: what the person chose, else the system's. */

// Mantine reads the same key, so both agree on first paint
export const SCHEME_KEY = "mantine-color-scheme-value";

export const system = window.matchMedia("(prefers-color-scheme: dark)");

export function storedScheme() {
  try {
    const value = window.localStorage.getItem(SCHEME_KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null; // storage can be forbidden; the system's scheme still holds
  }
}

export function scheme() {
  return storedScheme() ?? (system.matches ? "dark" : "light");
}
