/** One uPlot chart: lines over steps, with marks, signs for what is not finite, and names at the lines' ends. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { splitName } from "../language";
import { numeric, quantity } from "../text";
import type { Mark, Unit } from "../wire";
import { logTicks, type Plotted, padded, type Range, type Scale } from "./lines";
import type { Ruler } from "./ruler";

export interface Looks {
  /** For each line, which colour of the palette it has. */
  readonly colors: readonly number[];
  readonly hidden: ReadonlySet<string>;
  /** Lines drawn faintly behind, when the others are smoothed. */
  readonly faint: number;
}

export interface Plan {
  readonly plotted: Plotted;
  readonly marks: readonly Mark[];
  /** Marks that stand behind others: what the run did, beside what was found. */
  readonly quiet: ReadonlySet<Mark>;
  readonly ruler: Ruler;
  readonly scale: Scale;
  readonly unit: Unit;
  readonly looks: Looks;
  readonly values: Range | null;
  readonly steps: Range | null;
  /** Charts of the same group share one cursor. */
  readonly group: string;
  readonly width: number;
  readonly height: number;
  readonly zoom: Range | null;
  /** Whether the plot must be as wide as its neighbours', which leaves no room for names beside it. */
  readonly aligned: boolean;
  moved(index: number | null): void;
  /** The steps that are in sight now, and whether those are all. */
  zoomed(steps: Range, all: boolean): void;
}

const PALETTE = 8;
const FONT = '11px Roboto, "Helvetica Neue", Arial, sans-serif';
const ROW = 14; // height of a row of labels
const VALUES = 58; // width of the axis of values
const NAMES = 76; // width for the names beside the plot
const MOST_ROWS = 4; // of labels above the plot; further ones stand inside
const TIME = {
  incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 43200, 86400, 172800, 432000],
  space: 80,
};
const NAMES_FROM = 420; // pixels of width below which there is no room for names beside the plot
const MOST_NAMES = 5;

interface Ink {
  readonly lines: readonly string[];
  readonly text: string;
  readonly quiet: string;
  readonly grid: string;
  readonly band: string;
  readonly mark: string;
  readonly paper: string;
}

/** The colours of the present theme. Canvas knows no CSS variables. */
function ink(element: Element): Ink {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim() || "#777";
  return {
    lines: Array.from({ length: PALETTE }, (_, index) => color(`--line-${index}`)),
    text: color("--text"),
    quiet: color("--text-quiet"),
    grid: color("--grid"),
    band: color("--band"),
    mark: color("--mark"),
    paper: color("--paper"),
  };
}

/** What another chart of the group may do to this one: its cursor follows; the zoom goes by way of the address. */
const FOLLOWED = new Set(["mousemove", "mouseleave"]);

export function draw(element: HTMLElement, plan: Plan): uPlot {
  const inks = ink(element);
  const names = namesBeside(plan);
  const values = plan.values && padded(plan.values, plan.scale);
  const { at, step } = plan.ruler;
  const [first, last] = plan.steps ?? [0, 1];
  const full: Range = [at(first), at(last)];
  const whole = values ?? ([plan.scale === "log" ? 0.1 : 0, 1] as const);
  let seen = full; // the scale itself changes only after the other axis was fitted to it
  const rows = labelRows(plan, plan.width - VALUES - (names ? NAMES : 12), full);
  const chart = new uPlot(
    {
      width: plan.width,
      height: plan.height,
      legend: { show: false },
      padding: [8 + ROW * Math.max(rows, plan.aligned ? 1 : 0), names ? NAMES : 12, 0, 0],
      cursor: {
        y: false,
        drag: { x: true, y: false, dist: 6 },
        points: { size: 6 },
        sync: {
          key: plan.group,
          scales: ["x", null],
          setSeries: false,
          filters: { pub: (type) => FOLLOWED.has(type), sub: (type) => FOLLOWED.has(type) },
        },
      },
      scales: {
        x: {
          time: false,
          range: (_, low, high) => {
            seen = low === high ? [low - 1, high + 1] : [low, high];
            return [...seen];
          },
        },
        y: {
          distr: plan.scale === "log" ? 3 : 1,
          range: (_, low, high) => [
            ...((!plan.aligned && within(seen, full) ? fitted(low, high, plan.scale) : null) ?? whole),
          ],
        },
      },
      axes: [
        { ...axis(inks, (ticks) => ticks.map(plan.ruler.tick)), ...(plan.ruler.axis === "time" ? TIME : {}) },
        valueAxis(inks, plan, values),
      ],
      series: [{}, ...plan.plotted.lines.map((_, index) => lineLooks(plan, inks, index))],
      hooks: {
        drawClear: [(u) => drawBands(u, plan, inks)],
        draw: [(u) => drawOver(u, plan, inks, names)],
        setCursor: [(u) => plan.moved(u.cursor.idx ?? null)],
        setScale: [(u, key) => key === "x" && plan.zoomed(inSteps(sight(u) ?? full, step), !within(seen, full))],
      },
    },
    data(plan.plotted, plan.ruler),
    element,
  );
  show(chart, plan.ruler, plan.zoom ?? plan.steps);
  return chart;
}

/** Show these steps, or all of the chart's own. */
export function show(chart: uPlot, { at }: Ruler, steps: Range | null): void {
  const [xs] = chart.data;
  const [min, max] = steps ? [at(steps[0]), at(steps[1])] : [xs[0] ?? 0, xs.at(-1) ?? 1];
  const { min: low, max: high } = chart.scales.x ?? {};
  if (low !== min || high !== max) chart.setScale("x", { min, max });
}

export function data(plotted: Plotted, { at }: Ruler): uPlot.AlignedData {
  return [plotted.steps.map(at), ...plotted.lines.map((line) => [...line.values])] as uPlot.AlignedData;
}

/** The axis of the values that are in sight, or null where nothing is. */
function fitted(low: number | null, high: number | null, scale: Scale): Range | null {
  return low === null || high === null || (scale === "log" && low <= 0) ? null : padded([low, high], scale);
}

/** A stretch of the axis as whole steps. */
function inSteps(range: Range, step: (place: number) => number): Range {
  const [low, high] = [Math.round(step(range[0])), Math.round(step(range[1]))];
  return [low, Math.max(high, low + 1)];
}

function sight(chart: uPlot): Range | null {
  const { min, max } = chart.scales.x ?? {};
  return min === undefined || max === undefined || min === null || max === null ? null : [min, max];
}

/** Whether less than all is looked at. */
function within([min, max]: Range, [low, high]: Range): boolean {
  const room = 1e-6 * (high - low); // from steps to the axis and back costs the last digits
  return min > low + room || max < high - room;
}

function lineLooks({ plotted, looks }: Plan, inks: Ink, index: number): uPlot.Series {
  const line = plotted.lines[index];
  const reference = line?.role === "reference";
  const faint = index < looks.faint;
  const few = (line?.values.filter((value) => typeof value === "number").length ?? 0) <= 30;
  return {
    stroke: reference ? inks.quiet : (inks.lines[(looks.colors[index] ?? index) % PALETTE] ?? inks.text),
    width: reference ? 1.25 : faint ? 1 : 1.75,
    alpha: faint ? 0.3 : 1,
    ...(reference ? { dash: [6, 4] } : {}),
    points: { show: few && !reference && !faint, size: 4 },
    show: line ? !looks.hidden.has(line.name) : true,
    spanGaps: false,
  };
}

function axis(inks: Ink, labels: (ticks: number[]) => string[]): uPlot.Axis {
  return {
    stroke: inks.quiet,
    font: FONT,
    size: 28,
    gap: 4,
    grid: { show: false },
    ticks: { stroke: inks.grid, size: 4, width: 1 },
    border: { show: true, stroke: inks.grid, width: 1 },
    values: (_, ticks) => labels(ticks),
  };
}

function valueAxis(inks: Ink, { unit, scale }: Plan, values: Range | null): uPlot.Axis {
  return {
    ...axis(inks, (ticks) => ticks.map((tick) => quantity(tick, unit))),
    size: VALUES,
    grid: { stroke: inks.grid, width: 1 },
    border: { show: false },
    ticks: { show: false },
    ...(scale === "log" && values
      ? { splits: () => logTicks(values), filter: (_: uPlot, ticks: number[]) => ticks }
      : {}),
  };
}

function namesBeside({ plotted, width, looks, aligned }: Plan): boolean {
  if (aligned) return false;
  const count = plotted.lines.length - looks.faint;
  return width >= NAMES_FROM && count > 1 && count <= MOST_NAMES;
}

/** Canvas pixels for one CSS pixel. */
function pixel(): number {
  return window.devicePixelRatio || 1;
}

/** Where a step lies on the canvas. */
function across(u: uPlot, { ruler }: Plan, step: number): number {
  return u.valToPos(ruler.at(step), "x", true);
}

function drawBands(u: uPlot, plan: Plan, inks: Ink): void {
  const { marks } = plan;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = inks.band;
  for (const mark of marks) {
    if (mark.kind !== "stretch") continue;
    const left = clamp(across(u, plan, numeric(mark.at)), bbox.left, bbox.left + bbox.width);
    const end = mark.to === null ? bbox.left + bbox.width : across(u, plan, numeric(mark.to));
    const right = clamp(end, bbox.left, bbox.left + bbox.width);
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

function drawOver(u: uPlot, plan: Plan, inks: Ink, names: boolean): void {
  const { ctx } = u;
  ctx.save();
  ctx.font = FONT.replace("11px", `${11 * pixel()}px`);
  ctx.lineWidth = pixel();
  drawLevels(u, plan, inks);
  drawSteps(u, plan, inks);
  drawBroken(u, plan, inks);
  if (names) drawNames(u, plan, inks);
  ctx.restore();
}

function drawLevels(u: uPlot, { marks, scale }: Plan, inks: Ink): void {
  const { ctx, bbox } = u;
  for (const mark of marks) {
    const at = numeric(mark.at);
    if (mark.kind !== "level" || !Number.isFinite(at) || (scale === "log" && at <= 0)) continue;
    const y = u.valToPos(at, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = inks.mark;
    ctx.setLineDash([4 * pixel(), 3 * pixel()]);
    line(ctx, bbox.left, y, bbox.left + bbox.width, y);
    ctx.setLineDash([]);
    ctx.textAlign = "right";
    const above = y - 4 * pixel() > bbox.top + 10 * pixel();
    label(
      ctx,
      mark.label,
      bbox.left + bbox.width - 4 * pixel(),
      above ? y - 4 * pixel() : y + 12 * pixel(),
      inks.mark,
      inks,
    );
  }
}

/** Steps as vertical lines and stretches by name, in rows above the plot where their labels find room. */
function drawSteps(u: uPlot, plan: Plan, inks: Ink): void {
  const { ctx, bbox } = u;
  const rows: number[] = [];
  const placed = plan.marks
    .filter((mark) => mark.kind !== "level" && Number.isFinite(numeric(mark.at)))
    .map((mark) => ({
      mark,
      x: across(u, plan, numeric(mark.at)),
      end: mark.to === null ? 0 : across(u, plan, numeric(mark.to)),
    }))
    .sort((a, b) => a.x - b.x);
  const room = bbox.top - 8 * pixel();
  for (const { mark, x, end } of placed) {
    const step = mark.kind === "step";
    if (step ? x < bbox.left || x > bbox.left + bbox.width : end < bbox.left || x > bbox.left + bbox.width) continue;
    const color = step && !plan.quiet.has(mark) ? inks.mark : inks.quiet;
    if (step) {
      ctx.strokeStyle = color;
      ctx.setLineDash(plan.quiet.has(mark) ? [2 * pixel(), 3 * pixel()] : []);
      line(ctx, x, bbox.top, x, bbox.top + bbox.height);
      ctx.setLineDash([]);
    }
    const width = ctx.measureText(mark.label).width;
    const start = clamp(x + (step ? 3 * pixel() : 0), bbox.left, Math.max(bbox.left, bbox.left + bbox.width - width));
    const row = freeRow(rows, start);
    rows[row] = start + width + 8 * pixel();
    const above = row * ROW * pixel();
    const y = above < room ? bbox.top - 5 * pixel() - above : bbox.top + 12 * pixel() + (above - room);
    if (step && above < room) {
      ctx.strokeStyle = color;
      line(ctx, x, bbox.top, x, y - 8 * pixel()); // leads from the label to its line
    }
    ctx.textAlign = "left";
    label(ctx, mark.label, start, y, color, inks);
  }
}

const LETTER = 5.8; // pixels, on average, in this font

/** How many rows the labels above the plot are likely to take. */
function labelRows({ marks, ruler }: Plan, width: number, [low, high]: Range): number {
  const rows: number[] = [];
  const named = marks.filter((mark) => mark.kind !== "level" && Number.isFinite(numeric(mark.at)));
  const placed = named.map((mark) => ({
    long: LETTER * mark.label.length,
    x: high > low ? (width * (ruler.at(numeric(mark.at)) - low)) / (high - low) : 0,
  }));
  for (const { long, x } of placed.sort((a, b) => a.x - b.x)) {
    const start = clamp(x, 0, Math.max(0, width - long));
    rows[freeRow(rows, start)] = start + long + 8;
  }
  return Math.min(rows.length, MOST_ROWS);
}

function freeRow(rows: readonly number[], start: number): number {
  const free = rows.findIndex((taken) => taken <= start);
  return free === -1 ? rows.length : free;
}

/** NaN as a cross at the bottom, infinities as arrows at the edge they left by. */
function drawBroken(u: uPlot, plan: Plan, inks: Ink): void {
  const { plotted, looks } = plan;
  const { ctx, bbox } = u;
  const size = 3.5 * pixel();
  plotted.lines.forEach((each, index) => {
    if (looks.hidden.has(each.name) || index < looks.faint) return;
    ctx.strokeStyle = inks.lines[(looks.colors[index] ?? index) % PALETTE] ?? inks.text;
    ctx.lineWidth = 1.5 * pixel();
    let last = Number.NEGATIVE_INFINITY;
    for (const { step, value } of each.broken) {
      const x = across(u, plan, step);
      if (x < bbox.left || x > bbox.left + bbox.width || (x - last < 3 * size && Number.isNaN(value))) continue;
      last = x;
      const top = value === Number.POSITIVE_INFINITY;
      const row = 2 * size * (1 + index - looks.faint); // each line in its own row, so that none hides another
      const y = top ? bbox.top + row : bbox.top + bbox.height - row;
      if (Number.isNaN(value)) {
        line(ctx, x - size, y - size, x + size, y + size);
        line(ctx, x - size, y + size, x + size, y - size);
      } else {
        const tip = top ? y - size : y + size;
        line(ctx, x - size, y, x, tip);
        line(ctx, x + size, y, x, tip);
        line(ctx, x, tip, x, tip + (top ? 3 : -3) * size);
      }
    }
  });
}

function drawNames(u: uPlot, { plotted, looks, scale, ruler }: Plan, inks: Ink): void {
  const { ctx, bbox } = u;
  const { max } = u.scales.x ?? {};
  const end = ruler.step(max ?? Number.POSITIVE_INFINITY);
  const ends = plotted.lines
    .map((each, index) => ({
      each,
      index,
      last: lastShown(plotted.steps, each.values, end),
    }))
    .filter(({ each, index, last }) => index >= looks.faint && last !== null && !looks.hidden.has(each.name))
    .map(({ each, index, last }) => ({
      name: each.name,
      color:
        each.role === "reference" ? inks.quiet : (inks.lines[(looks.colors[index] ?? index) % PALETTE] ?? inks.text),
      y: u.valToPos(last ?? (scale === "log" ? 1 : 0), "y", true),
    }))
    .sort((a, b) => a.y - b.y);
  let floor = bbox.top;
  ctx.textAlign = "left";
  for (const { name, color, y } of ends) {
    const at = Math.max(floor, clamp(y, bbox.top, bbox.top + bbox.height) - 6 * pixel());
    floor = at + 13 * pixel();
    ctx.fillStyle = color;
    ctx.fillText(clipped(ctx, splitName(name), 66 * pixel()), bbox.left + bbox.width + 6 * pixel(), at + 10 * pixel());
  }
}

function lastShown(steps: readonly number[], values: Plotted["lines"][number]["values"], end: number): number | null {
  for (let index = values.length - 1; index >= 0; index--) {
    const value = values[index];
    if ((steps[index] ?? 0) <= end && typeof value === "number") return value;
  }
  return null;
}

function clipped(ctx: CanvasRenderingContext2D, name: string, room: number): string {
  if (ctx.measureText(name).width <= room) return name;
  let kept = name;
  while (kept.length > 1 && ctx.measureText(`${kept}…`).width > room) kept = kept.slice(0, -1);
  return `${kept}…`;
}

function line(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

/** Text with a rim of paper, to be read above lines. */
function label(ctx: CanvasRenderingContext2D, words: string, x: number, y: number, color: string, inks: Ink): void {
  ctx.save();
  ctx.strokeStyle = inks.paper;
  ctx.lineWidth = 3 * pixel();
  ctx.lineJoin = "round";
  ctx.strokeText(words, x, y);
  ctx.fillStyle = color;
  ctx.fillText(words, x, y);
  ctx.restore();
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
