// Numbers, units and tiers as people read them.

const UNITS = new Map([
  ["Cel", "°C"], ["[degF]", "°F"], ["deg", "°"], ["Ohm", "Ω"], ["um", "µm"], ["us", "µs"], ["m3", "m³"], ["m2", "m²"],
  ["m/s2", "m/s²"], ["m3/h", "m³/h"], ["1", ""],
]);
const TIERS = { PT1M: "minute", PT15M: "quarter-hour", PT1H: "hour", PT6H: "6-hour" };
const GROUPED = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 4 });

/** A value with as many digits as matter; "–" where there is none. */
export function number(value) {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return value.toExponential(3);
  return (Number.isInteger(value) ? WHOLE : GROUPED).format(value);
}

/** Labels of an axis: all with the decimals that its steps need. */
export function axisNumbers(splits) {
  const step = splits.length > 1 ? splits[1] - splits[0] : 1;
  const largest = Math.max(...splits.map(Math.abs));
  if (largest >= 1e15 || step < 1e-6) return splits.map((value) => (value === 0 ? "0" : value.toExponential(1)));
  if (largest >= 1e5) return splits.map((value) => SHORT.format(value));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const decimal = new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return splits.map((value) => decimal.format(value));
}

/** A UCUM code as it is written on machines. */
export function unitText(code) {
  if (!code) return "";
  return UNITS.get(code) ?? code.replaceAll(/[{}]/g, "").replaceAll(/([^\d])\.(?=[^\d])/g, "$1·");
}

/** What a curve was made of. */
export function tierText(tier) {
  return tier === "RAW" ? "from readings" : `from ${TIERS[tier] ?? tier} rollups`;
}
