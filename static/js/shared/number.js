/* How numbers read anywhere in the product. */

/**
 * A probability as per cent; never in exponents.
 *
 * @param {number} p
 */
export function percent(p) {
  const value = 100 * p;
  if (value === 0) return "0 %";
  if (value >= 9.95) return value.toFixed(1) + " %";
  if (value >= 0.095) return value.toFixed(2) + " %";
  return value >= 0.0001 ? Number(value.toPrecision(2)) + " %" : "< 0.0001 %";
}

// a real model's activations go into the thousands, and "1.37e+3" is cut in a narrow column
const WHOLE_BELOW = 1e7;

/**
 * The width of a probability's bar: its share of the track, which is 0 to 100 %, so that bars of
 * any two prompts, positions and arms can be compared.
 *
 * @param {number} p
 */
export const barWidth = (p) => `${100 * p}%`;

/**
 * Three significant digits, a true minus, without exponents where a person would not write one.
 *
 * @param {number} x
 */
export function number(x) {
  const size = Math.abs(x);
  if (size === 0) return "0";
  const rounded = x.toPrecision(3);
  const plain =
    size < 0.001 || size >= WHOLE_BELOW
      ? rounded
      : Number(rounded).toLocaleString("en", { maximumSignificantDigits: 3 });
  return plain.replace("-", "−");
}

/**
 * "1 firing", "2,345 firings".
 *
 * @param {number} n
 */
export const firings = (n) => `${n.toLocaleString("en")} firing${n === 1 ? "" : "s"}`;

/**
 * A divergence in nats: three digits, at most six decimals; 0 only where it is 0.
 *
 * @param {number} kl
 */
export const nats = (kl) =>
  kl >= 0.001 ? number(kl) : kl > 0 && kl < 5e-7 ? "< 0.000001" : String(Number(kl.toFixed(6)));
