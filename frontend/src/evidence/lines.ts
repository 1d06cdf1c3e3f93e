/** From the lines of a Curve to what is plotted: pure functions, no canvas. */
import { splitName, t } from "../language";
import { digits, numeric, quantity } from "../text";
import type { Curve, Line, Mark, Num, Unit } from "../wire";

/** Points of a line that are no finite number, to be drawn as signs at their steps. */
export interface Broken {
  readonly step: number;
  readonly value: number;
}

export interface PlottedLine {
  readonly name: string;
  readonly role: Line["role"];
  /** Aligned with the common steps: undefined where this line has no point, null where the axis cannot show it. */
  readonly values: readonly (number | null | undefined)[];
  readonly broken: readonly Broken[];
}

export interface Plotted {
  readonly steps: readonly number[];
  readonly lines: readonly PlottedLine[];
}

export type Scale = Curve["scale"];
export type Range = readonly [number, number];

/** Bring the lines of a curve to common, rising steps. Where a step occurs twice (a resumed run) its last value counts. */
export function plotted(lines: readonly Line[], scale: Scale, smoothing = 0): Plotted {
  const steps = [...new Set(lines.flatMap((line) => line.series.steps))].sort((a, b) => a - b);
  return {
    steps,
    lines: lines.map((line) => {
      const found = new Map(
        line.series.steps.map((step, index) => [step, numeric(line.series.values[index] ?? "NaN")]),
      );
      const values = steps.map((step) => found.get(step));
      const smooth = smoothing > 0 && isDense(line) ? smoothed(values, smoothing) : values;
      return {
        name: line.name,
        role: line.role,
        values: smooth.map((value) => (value === undefined ? undefined : drawable(value, scale) ? value : null)),
        broken: [...found].filter(([, value]) => !Number.isFinite(value)).map(([step, value]) => ({ step, value })),
      };
    }),
  };
}

const DENSE = 100; // points from which a line is smoothed: a few evaluations are to be seen as they are

export function isDense(line: Line): boolean {
  return line.role === "observed" && line.series.steps.length >= DENSE;
}

function drawable(value: number, scale: Scale): boolean {
  return Number.isFinite(value) && (scale === "linear" || value > 0);
}

/** Exponential moving average without the pull towards zero at the start, as TensorBoard's own charts smooth. */
export function smoothed(values: readonly (number | undefined)[], weight: number): (number | undefined)[] {
  let average = 0;
  let share = 0;
  return values.map((value) => {
    if (value === undefined || !Number.isFinite(value)) return value;
    average = weight * average + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return average / share;
  });
}

/** Whether a logarithmic axis can show anything of these lines. */
export function canBeLog(lines: readonly Line[]): boolean {
  return lines.some((line) =>
    line.series.values.some((value) => numeric(value) > 0 && Number.isFinite(numeric(value))),
  );
}

/** The values that the axis must hold: what is drawn and the levels it is judged against. */
export function valueRange(curve: Curve, scale: Scale): Range | null {
  const levels = curve.marks.filter((mark) => mark.kind === "level").map((mark) => numeric(mark.at));
  const values = curve.lines.flatMap((line) => line.series.values.map(numeric));
  return span([...values, ...levels].filter((value) => drawable(value, scale)));
}

export function stepRange(curve: Curve): Range | null {
  return span(curve.lines.flatMap((line) => line.series.steps));
}

/** Smallest and largest, or null for nothing. No spread of arguments: a curve may hold many thousand points. */
export function span(values: readonly number[]): Range | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

export function joined(ranges: readonly (Range | null)[]): Range | null {
  return span(ranges.flatMap((range) => range ?? []));
}

/** An axis a little wider than its values. */
export function padded([low, high]: Range, scale: Scale): Range {
  if (scale === "log") {
    const room = low === high ? 2 : (high / low) ** 0.06;
    return [low / room, high * room];
  }
  const room = high > low ? 0.06 * (high - low) : Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

const MOST_TICKS = 7;

/** Ticks of a logarithmic axis: decades, or 1-2-5 within few of them, or plain steps within less than one. */
export function logTicks([low, high]: Range): number[] {
  const decades = Math.log10(high / low);
  if (decades < 0.7) return evenTicks(low, high);
  const steps = decades < 2 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / MOST_TICKS));
  const first = Math.floor(Math.log10(low) / stride) * stride;
  const ticks: number[] = [];
  for (let power = first; power <= Math.log10(high); power += stride) {
    for (const step of steps) ticks.push(Number(`${step}e${power}`));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

const ROUNDING = 1e-9; // 2.4 / 0.05 is a little less than 48

function evenTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const first = Math.ceil(low / step - ROUNDING);
  const count = Math.floor(high / step + ROUNDING) - first + 1;
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** What one line does, in a sentence: for those who do not see the chart. */
export function described(line: Line, unit: Unit): string {
  const { steps, values } = line.series;
  const numbers = values.map(numeric);
  const finite = numbers.filter(Number.isFinite);
  const range = span(finite);
  if (!range) return t("{name}: no finite value at {n} steps", { name: splitName(line.name), n: values.length });
  const first = numbers.findIndex(Number.isFinite);
  const last = numbers.findLastIndex(Number.isFinite);
  const broken = numbers.flatMap((value, index) =>
    Number.isFinite(value) ? [] : [{ step: steps[index] ?? 0, value }],
  );
  return [
    t("{name}: from {first} at step {start} to {last} at step {end}", {
      name: splitName(line.name),
      first: quantity(numbers[first] as Num, unit),
      start: digits(steps[first] ?? 0),
      last: quantity(numbers[last] as Num, unit),
      end: digits(steps[last] ?? 0),
    }),
    t("between {low} and {high}", { low: quantity(range[0], unit), high: quantity(range[1], unit) }),
    ...(broken.length > 0 ? [brokenText(broken)] : []),
  ].join(", ");
}

/** "infinite at step 280, NaN at 29 points from step 284". */
export function brokenText(broken: readonly Broken[]): string {
  const kinds = [
    { what: "NaN", points: broken.filter(({ value }) => Number.isNaN(value)) },
    { what: t("infinite"), points: broken.filter(({ value }) => !Number.isNaN(value)) },
  ].filter(({ points }) => points.length > 0);
  kinds.sort((a, b) => (a.points[0]?.step ?? 0) - (b.points[0]?.step ?? 0));
  const texts = kinds.map(({ what, points }) => {
    const at = digits(points[0]?.step ?? 0);
    return points.length === 1
      ? t("{what} at step {at}", { what, at })
      : t("{what} at {n} points from step {at}", { what, n: points.length, at });
  });
  return texts.join(", ");
}

/** Marks with further steps to point at; steps that coincide share one label. */
export function withSteps(marks: readonly Mark[], further: readonly { at: number; label: string }[]): readonly Mark[] {
  const labels = new Map<number, string[]>();
  for (const mark of marks) if (mark.kind === "step") labels.set(numeric(mark.at), [mark.label]);
  for (const { at, label } of further) {
    const present = labels.get(at) ?? [];
    if (!present.includes(label)) labels.set(at, [...present, label]);
  }
  const steps: Mark[] = [...labels].map(([at, names]) => ({ kind: "step", label: names.join(", "), at, to: null }));
  return [...marks.filter((mark) => mark.kind !== "step"), ...steps.sort((a, b) => numeric(a.at) - numeric(b.at))];
}
