/** Conditions on a run's settings: `lr` from 0.1 on, `optimizer` Adam. */
import { t, word } from "../language";
import { digits, numeric } from "../text";
import type { RunEntry } from "../wire";

/** A setting that is one of these: a text, or a number within bounds (both included, infinite where there is none). */
export interface Condition {
  readonly setting: string;
  readonly is: string | readonly [number, number];
}

export function holds({ setting, is }: Condition, run: RunEntry): boolean {
  const value = run.settings[setting];
  if (value === undefined) return false;
  if (typeof is === "string") return String(value) === is;
  const number = numberOf(value);
  return number !== null && number >= is[0] && number <= is[1];
}

/** The number that a setting is; null for one that is a word. */
export function numberOf(value: string | number): number | null {
  if (typeof value === "number") return value;
  const number = numeric(value as "NaN");
  return value === "NaN" || value === "Infinity" || value === "-Infinity" ? number : null;
}

/** "lr ≥ 0.1", "lr 0.01 to 0.1", "optimizer = Adam". */
export function described({ setting, is }: Condition): string {
  if (typeof is === "string") return `${word(setting)} = ${is}`;
  const [low, high] = is;
  if (low === high) return `${word(setting)} = ${digits(low)}`;
  if (high === Number.POSITIVE_INFINITY) return `${word(setting)} ≥ ${digits(low)}`;
  if (low === Number.NEGATIVE_INFINITY) return `${word(setting)} ≤ ${digits(high)}`;
  return t("{setting} {low} to {high}", { setting: word(setting), low: digits(low), high: digits(high) });
}

/** The condition as a part of the address. */
export function conditionText({ setting, is }: Condition): string {
  return JSON.stringify(typeof is === "string" ? [setting, is] : [setting, ...is.map(String)]);
}

export function conditionFrom(text: string): Condition | null {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(parts) || !parts.every((part) => typeof part === "string")) return null;
  const [setting, first, second] = parts as string[];
  if (setting === undefined || first === undefined) return null;
  if (second === undefined) return { setting, is: first };
  const bounds = [Number(first), Number(second)] as const;
  return bounds.some(Number.isNaN) ? null : { setting, is: bounds };
}
