/** Which causes occur in how many runs, and which settings go with them. */
import type { RunEntry, Severity } from "../wire";
import { type Condition, numberOf } from "./conditions";
import { stateOf } from "./state";

/** A setting that goes with a cause: of the runs that have it so many have the cause, of the others so many. */
export interface Companion {
  readonly condition: Condition;
  readonly having: number;
  readonly of: number;
  readonly otherwise: number;
  readonly ofOthers: number;
}

export interface CauseCount {
  /** The cause's id, or "" for the runs with which nothing is wrong. */
  readonly cause: string;
  readonly title: string;
  readonly severity: Severity | "good";
  readonly count: number;
  readonly companions: readonly Companion[];
}

const MOST_BINS = 12; // values of a setting that are told apart; of more, neighbours share a bin
const MOST_COMPANIONS = 3;
const CHANCE = 0.01; // how often so strong an association may come by chance, over all that were looked for
const LIFT = 1.5; // a cause must be so many times as frequent as otherwise: with many runs a trifle is no chance either

/** Each cause by the number of runs that suffer from it, most frequent first, and at last the runs that are well. */
export function causeCounts(runs: readonly RunEntry[]): readonly CauseCount[] {
  const judged = runs.filter((run) => run.verdict !== null);
  const settings = binned(judged);
  const found = new Map<string, { title: string; severity: Severity | "good"; members: boolean[] }>();
  const add = (cause: string, title: string, severity: Severity | "good", index: number) => {
    const known = found.get(cause) ?? { title, severity, members: new Array<boolean>(judged.length).fill(false) };
    known.members[index] = true;
    found.set(cause, known);
  };
  judged.forEach((run, index) => {
    for (const { cause, title, severity } of run.causes) add(cause, title, severity, index);
    if (stateOf(run) === "good") add("", "", "good", index);
  });
  const counts = [...found].map(([cause, { title, severity, members }]) => ({
    cause,
    title,
    severity,
    count: members.filter(Boolean).length,
    companions: companions(members, settings),
  }));
  return counts.sort((a, b) => Number(a.cause === "") - Number(b.cause === "") || b.count - a.count);
}

interface Binned {
  readonly setting: string;
  /** For each run, which bin its value falls in; -1 where it is not known. */
  readonly places: readonly number[];
  /** The bins: single words, or the bounds of numbers in rising order. */
  readonly bins: readonly (string | readonly [number, number])[];
}

/** The settings that are not the same in all runs, with their values in a few bins. */
function binned(runs: readonly RunEntry[]): readonly Binned[] {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.settings)))];
  return names.flatMap((setting) => {
    const values = runs.map((run) => run.settings[setting]);
    const known = values.filter((value) => value !== undefined);
    const numbers = known.map(numberOf);
    if (numbers.every((value) => value !== null)) return inNumbers(setting, values, numbers.filter(isNumber));
    const words = [...new Set(known.map(String))];
    if (words.length < 2 || words.length > MOST_BINS) return [];
    return [
      {
        setting,
        bins: words,
        places: values.map((value) => (value === undefined ? -1 : words.indexOf(String(value)))),
      },
    ];
  });
}

function isNumber(value: number | null): value is number {
  return value !== null && !Number.isNaN(value);
}

function inNumbers(
  setting: string,
  values: readonly (string | number | undefined)[],
  numbers: readonly number[],
): readonly Binned[] {
  const distinct = [...new Set(numbers)].sort((a, b) => a - b);
  if (distinct.length < 2) return [];
  const count = Math.min(distinct.length, MOST_BINS);
  const firsts = Array.from({ length: count }, (_, bin) => Math.floor((bin * distinct.length) / count));
  const bins = firsts.map(
    (first, bin) => [distinct[first] ?? 0, distinct[(firsts[bin + 1] ?? distinct.length) - 1] ?? 0] as const,
  );
  const places = values.map((value) => {
    const number = value === undefined ? null : numberOf(value);
    return number === null ? -1 : bins.findIndex(([low, high]) => number >= low && number <= high);
  });
  return [{ setting, bins, places }];
}

interface Candidate extends Companion {
  readonly surprise: number;
}

/** The settings with which the members go, each by the condition that tells them best, most telling first. */
function companions(members: readonly boolean[], settings: readonly Binned[]): readonly Companion[] {
  const tested = settings.reduce((sum, { bins }) => sum + ranges(bins).length, 0);
  const found = settings.flatMap((setting) => {
    const best = candidates(members, setting).reduce<Candidate | null>(
      (top, each) => (top === null || each.surprise < top.surprise ? each : top),
      null,
    );
    return best && best.surprise + Math.log(tested) < Math.log(CHANCE) ? [best] : [];
  });
  return found
    .sort((a, b) => a.surprise - b.surprise)
    .slice(0, MOST_COMPANIONS)
    .map(({ surprise: _, ...companion }) => companion);
}

/** Stretches of neighbouring bins (of words: single ones), first and last; never all of them. */
function ranges(bins: Binned["bins"]): readonly (readonly [number, number])[] {
  return bins.flatMap((bin, first) =>
    typeof bin === "string"
      ? [[first, first] as const]
      : bins.slice(first).flatMap((_, more) => (more + 1 < bins.length ? [[first, first + more] as const] : [])),
  );
}

function candidates(members: readonly boolean[], { setting, bins, places }: Binned): readonly Candidate[] {
  const all = bins.map(() => 0);
  const having = bins.map(() => 0);
  places.forEach((place, index) => {
    if (place < 0) return;
    all[place] = (all[place] ?? 0) + 1;
    if (members[index]) having[place] = (having[place] ?? 0) + 1;
  });
  const [total, affected] = [sum(all), sum(having)];
  return ranges(bins).flatMap(([first, last]) => {
    const [of, inside] = [sum(all.slice(first, last + 1)), sum(having.slice(first, last + 1))];
    const [ofOthers, otherwise] = [total - of, affected - inside];
    if (of === 0 || ofOthers === 0 || !(inside / of > LIFT * (otherwise / ofOthers))) return [];
    const surprise = logTail(inside, of, affected, total);
    return [
      { condition: { setting, is: bounds(bins, first, last) }, having: inside, of, otherwise, ofOthers, surprise },
    ];
  });
}

/** From bin to bin; open at an end where there is nothing beyond. */
function bounds(bins: Binned["bins"], first: number, last: number): Condition["is"] {
  const [from, to] = [bins[first], bins[last]];
  if (typeof from === "string" || typeof to === "string" || !from || !to) return String(from);
  if (first === last && from[0] === to[1]) return [from[0], to[1]];
  return [
    first === 0 ? Number.NEGATIVE_INFINITY : from[0],
    last === bins.length - 1 ? Number.POSITIVE_INFINITY : to[1],
  ];
}

/** Fisher's exact test, one-sided: the logarithm of the chance that of `of` runs drawn among `total`, `affected` of which are affected, `inside` or more are. */
export function logTail(inside: number, of: number, affected: number, total: number): number {
  const most = Math.min(of, affected);
  const terms: number[] = [];
  for (let k = inside; k <= most; k++) {
    terms.push(logChoose(affected, k) + logChoose(total - affected, of - k) - logChoose(total, of));
  }
  const top = Math.max(...terms);
  return top === Number.NEGATIVE_INFINITY ? top : top + Math.log(sum(terms.map((term) => Math.exp(term - top))));
}

const logFactorials: number[] = [0];

function logFactorial(n: number): number {
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push((logFactorials[i - 1] ?? 0) + Math.log(i));
  return logFactorials[n] ?? 0;
}

function logChoose(n: number, k: number): number {
  return k < 0 || k > n ? Number.NEGATIVE_INFINITY : logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
