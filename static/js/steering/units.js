/* One strength in three linked units. Pure. A Place is what is known where it is plugged in.
 *   value     what the request holds: α (add), the activation to set (clamp), a factor (scale)
 *   multiple  the activation meant, as multiples of the feature's 99.9th percentile over the corpus
 *   share     L2 norm of the edit, signed, as a share of the residual's L2 norm at that position */

/** @import { Mode, Place, StrengthAnswer } from "./types.js" */

/**
 * @param {unknown} x
 * @returns {x is number}
 */
const known = (x) => typeof x === "number" && Number.isFinite(x);

/**
 * Signed multiple of W_dec[f] that an edit adds; null when it depends on an activation that is not
 * known.
 *
 * @param {Mode} mode
 * @param {number} value
 * @param {Place} place
 */
export function added(mode, value, place) {
  if (mode === "add") return value;
  if (!known(place.activation)) return null;
  if (mode === "clamp") return value - place.activation;
  if (mode === "scale") return (value - 1) * place.activation;
  return -place.activation; // ablate
}

/**
 * @param {Mode} mode
 * @param {number} value
 * @param {Place} place
 */
export function multiple(mode, value, place) {
  if (!known(place.q999) || place.q999 <= 0) return null;
  if (mode === "scale")
    return known(place.activation) ? (value * place.activation) / place.q999 : null;
  if (mode === "ablate") return known(place.activation) ? -place.activation / place.q999 : null;
  return value / place.q999;
}

/**
 * @param {Mode} mode
 * @param {number} value
 * @param {Place} place
 */
export function share(mode, value, place) {
  const size = added(mode, value, place);
  if (
    size === null ||
    !known(place.decoder_norm) ||
    !known(place.residual_norm) ||
    place.residual_norm <= 0
  )
    return null;
  return (size * place.decoder_norm) / place.residual_norm;
}

/**
 * The value that means `wanted` multiples; null when no value does.
 *
 * @param {Mode} mode
 * @param {number} wanted
 * @param {Place} place
 */
export function fromMultiple(mode, wanted, place) {
  if (mode === "ablate" || !known(place.q999) || place.q999 <= 0) return null;
  if (mode !== "scale") return wanted * place.q999;
  const { activation } = place;
  return known(activation) && activation > 0 ? (wanted * place.q999) / activation : null;
}

/**
 * The value whose edit has `wanted` shares of the residual's norm; null when no value does.
 *
 * @param {Mode} mode
 * @param {number} wanted
 * @param {Place} place
 */
export function fromShare(mode, wanted, place) {
  if (mode === "ablate" || !known(place.residual_norm)) return null;
  if (!known(place.decoder_norm) || place.decoder_norm <= 0) return null;
  const size = (wanted * place.residual_norm) / place.decoder_norm;
  if (mode === "add") return size;
  if (!known(place.activation)) return null;
  if (mode === "clamp") return place.activation + size;
  return place.activation > 0 ? 1 + size / place.activation : null;
}

/**
 * What is known of a feature at `position`, from an answer about strengths; nulls where nothing is.
 *
 * @param {StrengthAnswer | null | undefined} strength
 * @param {number | null | undefined} position
 * @returns {Place}
 */
export function placeAt(strength, position) {
  if (!strength) return { q999: null, decoder_norm: null, residual_norm: null, activation: null };
  /** @param {string} name */
  const at = (name) => {
    const column = (strength.positions || {})[name] || [];
    return position === null || position === undefined || column[position] === undefined
      ? null
      : column[position];
  };
  return {
    q999: strength.act_q999,
    decoder_norm: strength.decoder_norm,
    residual_norm: at("residual_norm"),
    activation: at("activation"),
    token_act_max: at("token_act_max"),
    token_firings: at("token_firings"),
  };
}

const WRITTEN = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(x|×|%)?$/i;

/**
 * "0.5x, 1x, 40%, 12" -> {values, unknown}: strengths of `mode` at `place`, ascending, each once.
 * `wrong` holds the pieces that cannot be read, `unknown` those whose unit means nothing here.
 *
 * @param {string} text
 * @param {Mode} mode
 * @param {Place} place
 */
export function readStrengths(text, mode, place) {
  /** @type {{ values: number[], wrong: string[], unknown: string[] }} */
  const read = { values: [], wrong: [], unknown: [] };
  text
    .split(/[,;\s]+/)
    .filter(Boolean)
    .forEach((piece) => {
      const found = WRITTEN.exec(piece);
      if (!found) return read.wrong.push(piece);
      const number = Number(found[1]);
      const value = !found[2]
        ? number
        : found[2] === "%"
          ? fromShare(mode, number / 100, place)
          : fromMultiple(mode, number, place);
      if (value === null) return read.unknown.push(piece);
      const rounded = Number(value.toPrecision(4));
      return read.values.includes(rounded) || read.values.push(rounded);
    });
  read.values.sort((a, b) => a - b);
  return read;
}
