/** Numbers and words as a person reads them. */
import { locale, names, type Text, t, word } from "./language";
import type { Num, Role, Severity, Unit } from "./wire";

/** A number of the wire as JavaScript has it. */
export function numeric(value: Num): number {
  return typeof value === "number" ? value : Number(value);
}

const MINUS = "−";
const SPACE = "\u00a0"; // keeps a number and its unit on one line

const formats = new Map<string, Intl.NumberFormat>(); // making one takes as long as drawing a row of the list

/** A whole number with its thousands told apart. */
function whole(value: number): string {
  const name = locale();
  const format = formats.get(name) ?? new Intl.NumberFormat(name, { maximumFractionDigits: 0 });
  formats.set(name, format);
  return format.format(value);
}

/** Sensible digits for any magnitude: 0.0312, 2.303, 12,345, 3.1e-5. */
export function digits(value: number, significant = 4): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  const size = Math.abs(value);
  let text: string;
  if (size === 0) text = "0";
  else if (size < 1e-3 || size >= 1e7) text = Number(size.toPrecision(3)).toExponential().replace("e+", "e");
  else if (size >= 1e4 || Number.isInteger(size)) text = whole(size);
  else text = String(Number(size.toPrecision(significant)));
  return value < 0 ? MINUS + text : text;
}

/** A share of 0 to 1 in percent, never rounded to a false 0% or 100%. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return digits(share);
  const size = 100 * share;
  if (size > 0 && size < 0.1) return `<0.1${SPACE}%`;
  if (size > 99.9 && size < 100) return `>99.9${SPACE}%`;
  const near = Math.abs(size) < 10 || (size > 99 && size < 100);
  return `${digits(Number(size.toFixed(near ? 1 : 0)))}${SPACE}%`;
}

/** A value in its unit. */
export function quantity(value: Num, unit: Unit): string {
  const number = numeric(value);
  switch (unit) {
    case "share":
      return percent(number);
    case "ratio":
    case "learning rate":
    case "cosine":
      return digits(number, 3);
    case "seconds":
      return `${digits(number, 3)}${SPACE}s`;
    case "loss":
    case "norm":
    case "count":
    case "step":
    case "value":
      return digits(number);
    default:
      return unit satisfies never;
  }
}

/** A figure about a run, by its name: accuracies are shares. */
export function figure(name: string, value: Num): string {
  return quantity(value, /accuracy|share/.test(name) ? "share" : "value");
}

/** A cell that may hold text: numbers get sensible digits, text stays as it is. */
export function cell(value: string | Num | null): string {
  if (value === null) return "–";
  if (value === "Infinity" || value === "-Infinity") return digits(Number(value));
  return typeof value === "number" ? digits(value) : value;
}

/** A difference with its sign. */
export function change(value: Num | null): string {
  if (value === null) return "–";
  const number = numeric(value);
  return number > 0 ? `+${digits(number, 3)}` : digits(number, 3);
}

/** Words for an id of the catalogue: `some-trouble` reads "Some trouble", `non-sense` stays hyphenated. */
export function titled(id: string): string {
  const known = names.get()[id];
  if (known !== undefined) return known;
  const words = id.replace(/(?<!^non)[-_]/g, " ");
  return word(words.charAt(0).toUpperCase() + words.slice(1));
}

/** How sure, in a word: people judge "very likely" better than 0.83. */
export function sureness(confidence: Num): string {
  const value = numeric(confidence);
  if (value >= 0.9) return t("almost certain");
  if (value >= 0.75) return t("very likely");
  if (value >= 0.5) return t("likely");
  return t(value >= 0.25 ? "possible" : "unlikely");
}

export const SEVERITY = { error: "Error", warning: "Warning", info: "Note" } as const satisfies Record<Severity, Text>;
export const ROLE = {
  root: "Root cause",
  consequence: "Consequence",
  contributing: "Also contributing",
} as const satisfies Record<Role, Text>;

export type Tone = "good" | "bad" | "unknown";

/** Whether a verdict is good news. Whatever is neither good nor undecided is trouble. */
export function tone(verdict: string): Tone {
  if (verdict === "learning" || verdict === "converged") return "good";
  return verdict === "too-short" ? "unknown" : "bad";
}

const PERIODS = [
  [86_400, "{count} {count|day|days} ago"],
  [3600, "{count} {count|hour|hours} ago"],
  [60, "{count} {count|minute|minutes} ago"],
] as const;
const LONG_AGO = 60 * 86_400; // seconds after which a date says more

/** "3 hours ago" for a time in seconds since the epoch. */
export function ago(updated: number, now: number): string {
  const seconds = Math.max(0, now - updated);
  if (seconds > LONG_AGO) return day(updated);
  for (const [length, words] of PERIODS) {
    const count = Math.floor(seconds / length);
    if (count >= 1) return t(words, { count });
  }
  return t("just now");
}

function day(seconds: number): string {
  return new Date(1000 * seconds).toISOString().slice(0, 10);
}

const UNITS: readonly (readonly [number, string])[] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** A time that passed, in its two largest units: "2 h 5 min", "45 s", "0.25 s". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return digits(seconds);
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? MINUS : "";
  if (size < 10) return `${sign}${digits(Number(size.toPrecision(3)))}${SPACE}s`;
  const index = UNITS.findIndex(([length]) => Math.round(size) >= length);
  const [length = 1, name = "s"] = UNITS[index] ?? [];
  const [minor = 1, minorName = ""] = UNITS[index + 1] ?? [];
  const whole = Math.floor(Math.round(size) / length);
  const rest = Math.floor((Math.round(size) - whole * length) / minor);
  const further = rest > 0 && minorName ? ` ${rest}${SPACE}${minorName}` : "";
  return `${sign}${digits(whole)}${SPACE}${name}${further}`;
}
