// Reads amounts out of a question and converts them by a tenant's rates, exactly. Knows no host.

/** Digits after the point that a rate may have. */
const RATE_PLACES = 10;
const NAMES = new Map(Object.entries({
  "€": "EUR", euro: "EUR", euros: "EUR", "$": "USD", dollar: "USD", dollars: "USD", "£": "GBP", pound: "GBP",
  pounds: "GBP", pfund: "GBP", "¥": "JPY", yen: "JPY", franc: "CHF", francs: "CHF", franken: "CHF",
}));
/** Places of a currency's smallest unit, where it is not 2. */
const PLACES = { JPY: 0, KRW: 0, VND: 0, CLP: 0, ISK: 0, BHD: 3, KWD: 3, OMR: 3, TND: 3, JOD: 3 };

/** An exact decimal `digits / 10^places`. */
export function decimal(text) {
  const match = /^(-?)(\d{1,18})(?:\.(\d{1,10}))?$/.exec(text);
  if (!match) throw new RangeError(`${text} is no decimal number`);
  const [, sign, whole, part = ""] = match;
  return { digits: BigInt(sign + whole + part), places: part.length };
}

/** A number as people write it, `1,234.5` or `1.234,5`, as decimal text; undefined where it is none. */
export function plain(text) {
  const bare = text.replace(/['’\s]/g, "");
  const last = Math.max(bare.lastIndexOf(","), bare.lastIndexOf("."));
  if (last < 0) return /^\d+$/.test(bare) ? bare : undefined;
  const sign = bare[last];
  const both = bare.includes(",") && bare.includes(".");
  const alone = bare.indexOf(sign) === last;
  // One comma before three digits parts thousands; a point there parts the whole from its part.
  const groups = !alone || (!both && sign === "," && bare.length - last === 4);
  const whole = (groups ? bare : bare.slice(0, last)).replace(/[.,]/g, "");
  const part = groups ? "" : bare.slice(last + 1);
  return /^\d+$/.test(whole + part) && part !== "" === !groups ? whole + (part && `.${part}`) : undefined;
}

/** `value / 10^places`, rounded half to even to so many places, as text. */
export function rounded(numerator, denominator, places) {
  const scaled = numerator * 10n ** BigInt(places);
  const negative = scaled < 0n;
  const size = negative ? -scaled : scaled;
  let whole = size / denominator;
  const twice = 2n * (size % denominator);
  if (twice > denominator || (twice === denominator && whole % 2n === 1n)) whole += 1n;
  const digits = whole.toString().padStart(places + 1, "0");
  const text = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
  return negative && whole !== 0n ? `-${text}` : text;
}

/** What a question asks: an amount, from which currency, to which. Undefined where it asks nothing of the kind. */
export function asked(question, known) {
  const code = (word) => {
    const name = NAMES.get(word.toLowerCase()) ?? word.toUpperCase();
    return known.has(name) ? name : undefined;
  };
  // Words by their ranges: the interpreter inside a component knows no Unicode properties.
  const tokens = question.match(/\d[\d.,'’]*\d|\d|[€$£¥]|[A-Za-z\u00C0-\u1FFF\u2C00-\uD7FF]+/gu) ?? [];
  const at = tokens.findIndex((token) => /^\d/.test(token));
  if (at < 0) return undefined;
  const amount = plain(tokens[at]);
  const near = [tokens[at + 1], tokens[at - 1]].filter((token) => token !== undefined);
  const from = near.map(code).find((name) => name !== undefined);
  const rest = tokens.filter((_, index) => Math.abs(index - at) > 1 || (index < at && code(tokens[at + 1] ?? "")));
  const to = rest.map(code).filter((name) => name !== undefined && name !== from).at(-1);
  return amount !== undefined && from && to ? { amount, from, to } : undefined;
}

/**
 * Converts by rates that say how much of each currency one unit of `base` is.
 * Throws a RangeError where a rate is missing or no decimal.
 */
export function convert({ amount, from, to }, { base, rates }) {
  const rate = (name) => {
    if (name === base) return decimal("1");
    if (!Object.hasOwn(rates, name)) throw new RangeError(`there is no rate of ${name}`);
    const value = decimal(rates[name]);
    if (value.digits <= 0n || value.places > RATE_PLACES) throw new RangeError(`the rate of ${name} makes no sense`);
    return value;
  };
  const [value, of, into] = [decimal(amount), rate(from), rate(to)];
  const ten = (places) => 10n ** BigInt(places);
  // amount × into ÷ of, in integers, so that it is rounded once.
  const numerator = value.digits * into.digits * ten(of.places);
  const denominator = ten(value.places) * ten(into.places) * of.digits;
  return rounded(numerator, denominator, PLACES[to] ?? 2);
}

/** The answer to a question; undefined where it asks for no conversion. */
export function answer(question, settings) {
  const known = new Set([settings.base, ...Object.keys(settings.rates)]);
  const conversion = asked(question, known);
  if (!conversion) return undefined;
  return { ...conversion, result: convert(conversion, settings), "as-of": settings["as-of"] };
}
