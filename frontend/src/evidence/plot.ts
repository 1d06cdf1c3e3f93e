/** One uPlot chart: lines over steps, with marks, signs for what is not finite, and names at the lines' ends. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { digits, numeric, quantity } from "../text";
import type { Mark, Unit } from "../wire";
import { logTicks, type Plotted, padded, type Range, type Scale } from "./lines";

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
  readonly scale: Scale;
  readonly unit: Unit;
  readonly looks: Looks;
  readonly values: Range | null;
  readonly steps: Range | null;
  /** Charts of the same group share one cursor and one zoom. */
  readonly group: string;
  readonly width: number;
  readonly height: number;
  readonly zoom: Range | null;
  /** Whether the plot must be as wide as its neighbours', which leaves no room for names beside it. */
  readonly aligned: boolean;
  moved(index: number | null): void;
  zoomed(range: Range | null): void;
}

const PALETTE = 8;
const FONT = '11px Roboto, "Helvetica Neue", Arial, sans-serif';
const ROW = 14; // height of a row of labels
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

export function draw(element: HTMLElement, plan: Plan): uPlot {
  const inks = ink(element);
  const names = namesBeside(plan);
  const values = plan.values && padded(plan.values, plan.scale);
  const full = plan.steps ?? [0, 1];
  const chart = new uPlot(
    {
      width: plan.width,
      height: plan.height,
      legend: { show: false },
      padding: [plan.aligned || plan.marks.some((mark) => mark.kind !== "level") ? 20 : 8, names ? 76 : 12, 0, 0],
      cursor: {
        y: false,
        drag: { x: true, y: false, dist: 6 },
        points: { size: 6 },
        sync: { key: plan.group, scales: ["x", null], setSeries: false },
      },
      scales: {
        x: { time: false, range: (_, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) },
        y: { distr: plan.scale === "log" ? 3 : 1, range: () => [...(values ?? [plan.scale === "log" ? 0.1 : 0, 1])] },
      },
      axes: [
        axis(inks, (ticks) => ticks.map((tick) => (Number.isInteger(tick) ? short(tick) : ""))),
        valueAxis(inks, plan, values),
      ],
      series: [{}, ...plan.plotted.lines.map((_, index) => lineLooks(plan, inks, index))],
      hooks: {
        drawClear: [(u) => drawBands(u, plan, inks)],
        draw: [(u) => drawOver(u, plan, inks, names)],
        setCursor: [(u) => plan.moved(u.cursor.idx ?? null)],
        setScale: [(u, key) => key === "x" && plan.zoomed(zoomOf(u, full))],
      },
    },
    data(plan.plotted),
    element,
  );
  if (plan.zoom) chart.setScale("x", { min: plan.zoom[0], max: plan.zoom[1] });
  else if (plan.steps) chart.setScale("x", { min: full[0], max: full[1] });
  return chart;
}

export function data(plotted: Plotted): uPlot.AlignedData {
  return [[...plotted.steps], ...plotted.lines.map((line) => [...line.values])] as uPlot.AlignedData;
}

/** The stretch that is looked at, or null for all of it. */
function zoomOf(chart: uPlot, [low, high]: Range): Range | null {
  const { min, max } = chart.scales.x ?? {};
  if (min === undefined || max === undefined || min === null || max === null) return null;
  return min > low || max < high ? [min, max] : null;
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
    size: 58,
    grid: { stroke: inks.grid, width: 1 },
    border: { show: false },
    ticks: { show: false },
    ...(scale === "log" && values
      ? { splits: () => logTicks(values), filter: (_: uPlot, ticks: number[]) => ticks }
      : {}),
  };
}

function short(step: number): string {
  return Math.abs(step) >= 10_000 && step % 1000 === 0 ? `${digits(step / 1000)}k` : digits(step);
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

function drawBands(u: uPlot, { marks }: Plan, inks: Ink): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = inks.band;
  for (const mark of marks) {
    if (mark.kind !== "stretch") continue;
    const left = clamp(u.valToPos(numeric(mark.at), "x", true), bbox.left, bbox.left + bbox.width);
    const end = mark.to === null ? bbox.left + bbox.width : u.valToPos(numeric(mark.to), "x", true);
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
function drawSteps(u: uPlot, { marks }: Plan, inks: Ink): void {
  const { ctx, bbox } = u;
  const rows: number[] = [];
  const placed = marks
    .filter((mark) => mark.kind !== "level" && Number.isFinite(numeric(mark.at)))
    .map((mark) => ({
      mark,
      x: u.valToPos(numeric(mark.at), "x", true),
      end: mark.to === null ? 0 : u.valToPos(numeric(mark.to), "x", true),
    }))
    .sort((a, b) => a.x - b.x);
  for (const { mark, x, end } of placed) {
    const step = mark.kind === "step";
    if (step ? x < bbox.left || x > bbox.left + bbox.width : end < bbox.left || x > bbox.left + bbox.width) continue;
    if (step) {
      ctx.strokeStyle = inks.mark;
      line(ctx, x, bbox.top, x, bbox.top + bbox.height);
    }
    const width = ctx.measureText(mark.label).width;
    const start = clamp(x + (step ? 3 * pixel() : 0), bbox.left, Math.max(bbox.left, bbox.left + bbox.width - width));
    const row = freeRow(rows, start);
    rows[row] = start + width + 8 * pixel();
    ctx.textAlign = "left";
    const y = row === 0 ? bbox.top - 5 * pixel() : bbox.top + (row * ROW - 2) * pixel();
    label(ctx, mark.label, start, y, step ? inks.mark : inks.quiet, inks);
  }
}

function freeRow(rows: readonly number[], start: number): number {
  const free = rows.findIndex((taken) => taken <= start);
  return free === -1 ? rows.length : free;
}

/** NaN as a cross at the bottom, infinities as arrows at the edge they left by. */
function drawBroken(u: uPlot, { plotted, looks }: Plan, inks: Ink): void {
  const { ctx, bbox } = u;
  const size = 3.5 * pixel();
  plotted.lines.forEach((each, index) => {
    if (looks.hidden.has(each.name) || index < looks.faint) return;
    ctx.strokeStyle = inks.lines[(looks.colors[index] ?? index) % PALETTE] ?? inks.text;
    ctx.lineWidth = 1.5 * pixel();
    let last = Number.NEGATIVE_INFINITY;
    for (const { step, value } of each.broken) {
      const x = u.valToPos(step, "x", true);
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

function drawNames(u: uPlot, { plotted, looks, scale }: Plan, inks: Ink): void {
  const { ctx, bbox } = u;
  const { max } = u.scales.x ?? {};
  const ends = plotted.lines
    .map((each, index) => ({
      each,
      index,
      last: lastShown(plotted.steps, each.values, max ?? Number.POSITIVE_INFINITY),
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
    ctx.fillText(clipped(ctx, name, 66 * pixel()), bbox.left + bbox.width + 6 * pixel(), at + 10 * pixel());
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
