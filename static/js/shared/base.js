/* What stands before every path of the preset that is shown: empty for the server's default. The
 * page's own element says it, so that the same modules serve every preset. */

const base = () => globalThis.document?.documentElement?.dataset?.fsBase ?? "";

/**
 * Where a path of the product, which begins with a slash, lies.
 *
 * @param {string} path
 */
export const at = (path) => base() + path;

/**
 * The product's path of a page's whole one: the reverse of `at`.
 *
 * @param {string} pathname
 */
export function inside(pathname) {
  const before = base();
  return (pathname.startsWith(before) ? pathname.slice(before.length) : pathname) || "/";
}
