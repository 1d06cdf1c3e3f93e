/** Pictures as SVG files, for papers and issues: made from the data, on white, needing no style sheet. */
import { digits, numeric, quantity } from "../text";
import type { Bars, Curve, Heatmap, Histogram } from "../wire";
import { logTicks, padded, plotted, type Range, type Scale, span, stepRange, valueRange } from "./lines";

const INK = ["#0072b2", "#c85200", "#00806a", "#a8487c", "#6d5acf", "#8a6d00", "#3a87ad", "#555"];
const QUIET = "#616161";
const MARK = "#b23c00";
const [WIDTH, HEIGHT] = [720, 360];
const BOX = { left: 70, top: 60, width: WIDTH - 70 - 20, height: HEIGHT - 60 - 40 };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/[^\P{C}\n]/gu, "");
}

function words(x: number, y: number, text: string, more = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(text)}</text>`;
}

function svg(title: string, parts: readonly string[], height = HEIGHT): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="Roboto, Helvetica, Arial, sans-serif" font-size="11" fill="${QUIET}">`,
    `<title>${escaped(title)}</title><rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    words(12, 20, title, 'font-size="14" fill="#212121"'),
    ...parts,
    "</svg>",
  ].join("\n");
}

/** From a value to its share of the axis. */
function shareOf(value: number, [low, high]: Range, scale: Scale): number {
  const share = scale === "log" ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
}

function ticksOf([low, high]: Range, scale: Scale): number[] {
  if (scale === "log") return logTicks([low, high]);
  return [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
}

export function curvePicture(curve: Curve, scale: Scale): string {
  const values = padded(valueRange(curve, scale) ?? [0, 1], scale);
  const steps = stepRange(curve) ?? [0, 1];
  const x = (step: number) => BOX.left + BOX.width * shareOf(step, steps, "linear");
  const y = (value: number) => BOX.top + BOX.height * (1 - shareOf(value, values, scale));
  const { steps: at, lines } = plotted(curve.lines, scale);
  const axis = [
    ...ticksOf(values, scale).map((tick) => {
      const grid = `<path d="M${BOX.left} ${y(tick).toFixed(1)}h${BOX.width}" stroke="#ececec"/>`;
      return grid + words(BOX.left - 6, y(tick) + 4, quantity(tick, curve.unit), 'text-anchor="end"');
    }),
    ...ticksOf(steps, "linear").map((tick) =>
      words(x(tick), HEIGHT - 22, digits(Math.round(tick)), 'text-anchor="middle"'),
    ),
    words(BOX.left + BOX.width / 2, HEIGHT - 6, "step", 'text-anchor="middle"'),
  ];
  const marks = curve.marks.map((mark, index) => {
    const place = numeric(mark.at);
    if (mark.kind === "level") {
      const level = `<path d="M${BOX.left} ${y(place).toFixed(1)}h${BOX.width}" stroke="${MARK}" stroke-dasharray="4 3"/>`;
      return level + words(BOX.left + BOX.width - 4, y(place) - 4, mark.label, `fill="${MARK}" text-anchor="end"`);
    }
    const label = words(x(place) + 3, BOX.top - 4 - 12 * (index % 2), mark.label, `fill="${MARK}"`);
    if (mark.kind === "step")
      return `<path d="M${x(place).toFixed(1)} ${BOX.top}v${BOX.height}" stroke="${MARK}"/>${label}`;
    const wide = x(mark.to === null ? steps[1] : numeric(mark.to)) - x(place);
    return `<rect x="${x(place).toFixed(1)}" y="${BOX.top}" width="${wide.toFixed(1)}" height="${BOX.height}" fill="#212121" fill-opacity=".05"/>${label}`;
  });
  const drawn = lines.map((line, index) => {
    let pen = "M";
    const path = line.values.map((value, place) => {
      if (value === undefined) return "";
      if (value === null) {
        pen = "M";
        return "";
      }
      const point = `${pen}${x(at[place] ?? 0).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return point;
    });
    const color = line.role === "reference" ? QUIET : INK[index % INK.length];
    const broken = line.broken.map(({ step, value }) =>
      words(
        x(step),
        BOX.top + BOX.height - 3 - 10 * index,
        Number.isNaN(value) ? "×" : "∞",
        `fill="${color}" text-anchor="middle"`,
      ),
    );
    const dash = line.role === "reference" ? ' stroke-dasharray="6 4"' : "";
    const name = words(BOX.left + 130 * index, 38, `— ${line.name}`, `fill="${color}"`);
    return `<path d="${path.join("")}" fill="none" stroke="${color}" stroke-width="1.5"${dash}/>${name}${broken.join("")}`;
  });
  return svg(curve.title, [...axis, ...marks, ...drawn]);
}

export function barsPicture(bars: Bars): string {
  const numbers = bars.values.map(numeric);
  const limit = bars.threshold === null ? null : numeric(bars.threshold);
  const known = [...numbers, ...(limit === null ? [] : [limit])].filter(
    (value) => Number.isFinite(value) && (bars.scale === "linear" || value > 0),
  );
  const [low, high] = span(known) ?? [0, 1];
  const axis: Range = bars.scale === "log" ? [low / 2, high * 1.05] : [Math.min(0, low), Math.max(0, high) * 1.05 || 1];
  const [left, wide] = [200, WIDTH - 300];
  const x = (value: number) => left + wide * shareOf(value, axis, bars.scale);
  const zero = bars.scale === "log" ? left : x(0);
  const rows = numbers.map((value, index) => {
    const top = 40 + 20 * index;
    const [from, to] = [Math.min(zero, x(value)), Math.max(zero, x(value))];
    const bar = `<rect x="${from.toFixed(1)}" y="${top}" width="${Math.max(1, to - from).toFixed(1)}" height="13" fill="${INK[0]}"/>`;
    const name = words(left - 8, top + 11, bars.labels[index] ?? "", 'text-anchor="end"');
    return (Number.isFinite(value) ? bar : "") + name + words(left + wide + 8, top + 11, quantity(value, bars.unit));
  });
  const height = 60 + 20 * numbers.length;
  const at = limit === null ? 0 : x(limit);
  const level =
    limit === null ? [] : [`<path d="M${at.toFixed(1)} 36V${height - 18}" stroke="${MARK}" stroke-dasharray="4 3"/>`];
  return svg(bars.title, [...rows, ...level], height);
}

export function histogramPicture(histogram: Histogram): string {
  const edges = histogram.edges.map(numeric);
  const axis = span(edges.filter(Number.isFinite)) ?? [0, 1];
  const scale: Scale = axis[0] > 0 && axis[1] > 50 * axis[0] ? "log" : "linear";
  const most = Math.max(1, ...histogram.counts.map(numeric));
  const x = (value: number) => BOX.left + BOX.width * shareOf(value, axis, scale);
  const bins = histogram.counts.map((count, index) => {
    const [from, to] = [x(edges[index] ?? 0), x(edges[index + 1] ?? 0)];
    const high = (BOX.height * numeric(count)) / most;
    return `<rect x="${from.toFixed(1)}" y="${(BOX.top + BOX.height - high).toFixed(1)}" width="${Math.max(0, to - from - 1).toFixed(1)}" height="${high.toFixed(1)}" fill="${INK[0]}"/>`;
  });
  const marks = histogram.marks.map((mark) => {
    const at = x(numeric(mark.at));
    return `<path d="M${at.toFixed(1)} ${BOX.top}v${BOX.height}" stroke="${MARK}"/>${words(at + 4, BOX.top - 4, mark.label, `fill="${MARK}"`)}`;
  });
  const ends = [axis[0], axis[1]].map((value, index) =>
    words(x(value), HEIGHT - 22, quantity(value, histogram.unit), index ? 'text-anchor="end"' : ""),
  );
  return svg(histogram.title, [...bins, ...marks, ...ends]);
}

type Colors = (value: number, range: Range, log: boolean) => readonly [number, number, number] | null;

export function heatmapPicture(map: Heatmap, range: Range, colors: Colors): string {
  const [left, wide] = [200, WIDTH - 220];
  const high = Math.max(2, Math.min(16, 600 / Math.max(1, map.rows.length)));
  const cell = wide / Math.max(1, map.steps.length);
  const every = Math.ceil(10 / high);
  const rows = map.rows.map((name, row) => {
    const y = 40 + row * high;
    const cells = (map.values[row] ?? []).map((value, column) => {
      const rgb = colors(numeric(value), range, map.scale === "log");
      const x = (left + column * cell).toFixed(1);
      return rgb && `<rect x="${x}" y="${y}" width="${cell.toFixed(2)}" height="${high}" fill="rgb(${rgb.join()})"/>`;
    });
    const label = row % every === 0 ? words(left - 8, y + high / 2 + 4, name, 'text-anchor="end"') : "";
    return label + cells.filter(Boolean).join("");
  });
  const bottom = 40 + high * map.rows.length;
  const ends = [
    words(left, bottom + 16, `step ${digits(map.steps[0] ?? 0)}`),
    words(left + wide, bottom + 16, digits(map.steps.at(-1) ?? 0), 'text-anchor="end"'),
    words(
      left,
      bottom + 32,
      `from ${quantity(range[0], map.unit)} (dark) to ${quantity(range[1], map.unit)} (bright)${map.scale === "log" ? ", logarithmic" : ""}`,
    ),
  ];
  return svg(map.title, [...rows, ...ends], bottom + 44);
}
