/** What one heat map adds to another: by which factor, or by how much, each layer differs at each step. */
import { numeric } from "../text";
import type { Heatmap, Num } from "../wire";
import { type Range, span } from "./lines";

/** The second map against the first, at the first's steps and in the layers that both have; null where they have nothing in common. */
export function difference(first: Heatmap, second: Heatmap): Heatmap | null {
  const rows = first.rows.filter((row) => second.rows.includes(row));
  const [start, end] = overlap(first.steps, second.steps);
  const columns = first.steps.flatMap((step, index) => (step >= start && step <= end ? [index] : []));
  if (rows.length === 0 || columns.length === 0) return null;
  const steps = columns.map((index) => first.steps[index] ?? 0);
  const places = steps.map((step) => before(second.steps, step));
  const factor = first.scale === "log";
  const values = rows.map((row) => {
    const one = first.values[first.rows.indexOf(row)] ?? [];
    const other = second.values[second.rows.indexOf(row)] ?? [];
    return columns.map((column, index) =>
      sent(between(numeric(one[column] ?? "NaN"), numeric(other[places[index] ?? 0] ?? "NaN"), factor)),
    );
  });
  return { ...first, rows, steps, values, unit: factor ? "ratio" : first.unit };
}

/** The factor between two sizes, or their difference where they are shares. Nothing to nothing is no change. */
function between(one: number, other: number, factor: boolean): number {
  if (!factor) return other - one;
  return one === other ? 1 : other / one;
}

/** A number as the wire has it. */
function sent(value: number): Num {
  return Number.isFinite(value) ? value : (String(value) as Num);
}

function overlap(a: readonly number[], b: readonly number[]): Range {
  return [Math.max(a[0] ?? 0, b[0] ?? 0), Math.min(a.at(-1) ?? 0, b.at(-1) ?? 0)];
}

/** The place of the last step that is not after this one. */
function before(steps: readonly number[], step: number): number {
  let [low, high] = [0, steps.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((steps[middle] ?? 0) <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}

const MOST = 0.98; // share of the values that the colours span: a few layers that died would make all others look alike

/** What the colours of these differences must span: as far below no change as above it. */
export function evenRange(maps: readonly Heatmap[]): Range | null {
  const sizes = maps
    .flatMap((map) => map.values.flatMap((row) => row.map((value) => away(numeric(value), map.scale === "log"))))
    .filter((size) => Number.isFinite(size) && size > 0)
    .sort((a, b) => a - b);
  const [map] = maps;
  if (!map || !span(sizes)) return null;
  const size = sizes[Math.min(sizes.length - 1, Math.floor(MOST * sizes.length))] ?? 0;
  return map.scale === "log" ? [Math.exp(-size), Math.exp(size)] : [-size, size];
}

function away(value: number, log: boolean): number {
  return Math.abs(log ? Math.log(value) : value);
}
