/** Which runs are shown, in which order, with which columns. */
import { locale } from "../language";
import { numeric, titled } from "../text";
import type { RunEntry, Severity } from "../wire";
import { holds, numberOf } from "./conditions";
import { type ListState, stateOf } from "./state";

/** The runs that pass TensorBoard's own filter, which is a regular expression on names. */
export function passing(runs: readonly RunEntry[], host: string): readonly RunEntry[] {
  if (!host) return runs;
  const { test } = tester(host);
  return runs.filter((run) => test(run.run));
}

/** The runs that the typed text and the settings asked for leave. */
export function asked(runs: readonly RunEntry[], { text, where }: ListState): readonly RunEntry[] {
  if (!text && !where) return runs;
  const { test } = tester(text);
  return runs.filter((run) => (!where || holds(where, run)) && (!text || words(run).some(test)));
}

/** Of these, the runs with the states, the verdict and the cause that were picked. */
export function picked(runs: readonly RunEntry[], { states, verdict, cause }: ListState): readonly RunEntry[] {
  return runs.filter((run) => {
    const state = stateOf(run);
    return (
      (states.length === 0 || (state !== null && states.includes(state))) &&
      (!verdict || run.verdict?.id === verdict) &&
      (!cause || run.causes.some((each) => each.cause === cause))
    );
  });
}

/** What a run is found by. */
function words(run: RunEntry): readonly string[] {
  return [
    run.run,
    ...(run.verdict ? [run.verdict.id, titled(run.verdict.id)] : []),
    ...run.causes.flatMap(({ cause, title }) => [cause, title]),
    ...Object.entries(run.settings).map(([name, value]) => `${name}=${value}`),
  ];
}

/** A regular expression like TensorBoard's own filter; text that is none is looked for as it stands. */
export function tester(wanted: string): { readonly literal: boolean; test(text: string): boolean } {
  try {
    const expression = new RegExp(wanted, "i");
    return { literal: false, test: (text) => expression.test(text) };
  } catch {
    const lower = wanted.toLowerCase();
    return { literal: true, test: (text) => text.toLowerCase().includes(lower) };
  }
}

const GRAVITY: Record<Severity, number> = { error: 3, warning: 2, info: 1 };

/** What a row is sorted by. */
function key(run: RunEntry, column: string): string | number {
  switch (column) {
    case "run":
      return run.run;
    case "verdict":
      return run.verdict?.id ?? "~";
    case "cause":
      return run.root ? -(10 * GRAVITY[run.root.severity] + numeric(run.root.confidence)) : 0;
    case "written":
      return -numeric(run.updated ?? "NaN");
    default:
      return keyOfColumn(run, column);
  }
}

function keyOfColumn(run: RunEntry, column: string): string | number {
  const value = column.startsWith("=") ? run.settings[column.slice(1)] : run.figures[column];
  return value === undefined ? Number.NaN : (numberOf(value) ?? value);
}

export function sorted(runs: readonly RunEntry[], column: string, descending: boolean): readonly RunEntry[] {
  if (!column) return runs;
  const names = new Intl.Collator(locale(), { numeric: true });
  const sign = descending ? -1 : 1;
  const keyed = runs.map((run) => ({ run, by: key(run, column) }));
  keyed.sort((a, b) => {
    const [x, y] = [a.by, b.by];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)); // unknown comes last
    if (typeof x === "string" || typeof y === "string") return sign * names.compare(String(x), String(y));
    return sign * (x < y ? -1 : Number(x > y));
  });
  return keyed.map(({ run }) => run);
}

const MOST_FIGURES = 3;
const MOST_SETTINGS = 2;
/** The settings that people look at first. */
export const TELLING: readonly string[] = [
  "lr",
  "learning rate",
  "batch size",
  "optimizer",
  "weight_decay",
  "dropout",
  "model",
];

export interface Columns {
  /** All that there is to show: figures by name, settings with a leading `=`. */
  readonly figures: readonly string[];
  readonly settings: readonly string[];
  readonly shown: readonly string[];
}

/** The columns that there are, and those that are shown: the chosen ones, or final and best losses and the settings that differ. */
export function columnsOf(runs: readonly RunEntry[], chosen: readonly string[] | null): Columns {
  const names = new Set(runs.flatMap((run) => Object.keys(run.figures)));
  const losses = [...names].filter((name) => name.includes("loss") && !name.startsWith("step"));
  const figures = [...losses, ...[...names].filter((name) => !losses.includes(name))];
  const settings = [...new Set(runs.flatMap((run) => Object.keys(run.settings)))].map((name) => `=${name}`);
  const differing = settings.filter((name) => differs(runs, name.slice(1)));
  const first = [...TELLING.map((name) => `=${name}`).filter((name) => differing.includes(name)), ...differing];
  const usual = [
    ...figures.filter((name) => !name.startsWith("step")).slice(0, MOST_FIGURES),
    ...[...new Set(first)].slice(0, MOST_SETTINGS),
  ];
  const shown = chosen ? [...figures, ...settings].filter((name) => chosen.includes(name)) : usual;
  return { figures, settings: [...differing, ...settings.filter((name) => !differing.includes(name))], shown };
}

function differs(runs: readonly RunEntry[], setting: string): boolean {
  const values = runs.map((run) => run.settings[setting]).filter((value) => value !== undefined);
  return values.some((value) => value !== values[0]);
}
