import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { theme } from "../host";
import { useStore } from "../store";
import { digits, numeric, quantity } from "../text";
import type { Curve, Heatmap } from "../wire";
import { CurveView } from "./curve";
import { Figure } from "./figure";
import { type Range, span } from "./lines";
import { clamp } from "./plot";

/** Cividis: rises in lightness throughout, so it reads the same with any colour vision and in print. */
const RAMP = [
  [0, 34, 78],
  [35, 62, 108],
  [87, 93, 109],
  [125, 124, 120],
  [165, 156, 116],
  [211, 193, 100],
  [254, 232, 56],
] as const;

const MOST_LABELS = 40;
const TALLEST = 480;

/** What the colours of this map must span. */
export function heatRange(map: Heatmap): Range | null {
  const values = map.values.flatMap((row) => row.map(numeric));
  return span(values.filter((value) => Number.isFinite(value) && (map.scale === "linear" || value > 0)));
}

function color(value: number, [low, high]: Range, log: boolean): readonly [number, number, number] | null {
  if (Number.isNaN(value)) return null;
  const scaled = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  const share = clamp(Number.isNaN(scaled) ? 0.5 : scaled, 0, 1) * (RAMP.length - 1);
  const floor = Math.min(Math.floor(share), RAMP.length - 2);
  const [from, to] = [RAMP[floor] ?? RAMP[0], RAMP[floor + 1] ?? RAMP[0]];
  const mix = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * (share - floor));
  return [mix(0), mix(1), mix(2)];
}

const STOPS = RAMP.map(([r, g, b]) => `rgb(${r} ${g} ${b})`).join(", ");

interface Cell {
  readonly row: number;
  readonly column: number;
}

export function HeatmapView({
  map,
  group,
  extent,
}: {
  map: Heatmap;
  group: string;
  extent?: Range | null | undefined;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [cell, setCell] = useState<Cell | null>(null);
  const [row, setRow] = useState(-1);
  const dark = useStore(theme);
  const range = useMemo(() => extent ?? heatRange(map) ?? ([0, 1] as const), [map, extent]);
  const high = clamp(map.rows.length, 1, TALLEST);
  const height = clamp(map.rows.length * 18, 36, TALLEST);

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context && map.steps.length) paint(context, map, range);
  }, [map, range, dark]);

  const pointed = (event: MouseEvent): Cell | null => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box || box.width === 0) return null;
    return {
      row: clamp(Math.floor(((event.clientY - box.top) / box.height) * map.rows.length), 0, map.rows.length - 1),
      column: clamp(Math.floor(((event.clientX - box.left) / box.width) * map.steps.length), 0, map.steps.length - 1),
    };
  };
  const stride = Math.ceil(map.rows.length / MOST_LABELS);
  return (
    <Figure
      title={map.title}
      controls={
        <select
          aria-label={`Curve of one row of ${map.title}`}
          value={row}
          onChange={(event) => setRow(Number(event.currentTarget.value))}
        >
          <option value={-1}>curve of …</option>
          {map.rows.map((name, index) => (
            <option key={index} value={index}>
              {name}
            </option>
          ))}
        </select>
      }
      numbers={() => ({
        columns: ["", ...map.steps.map((step) => `step ${step}`)],
        rows: map.rows.map((name, index) => [name, ...(map.values[index] ?? [])]),
      })}
    >
      <div class="heat">
        <div class="heat-rows" style={{ height: `${height}px` }} aria-hidden="true">
          {map.rows.map((name, index) =>
            index % stride === 0 ? (
              <span key={index} title={name} style={{ top: `${(100 * (index + 0.5)) / map.rows.length}%` }}>
                {name}
              </span>
            ) : null,
          )}
        </div>
        <div class="heat-map">
          <canvas
            ref={canvas}
            width={Math.max(1, map.steps.length)}
            height={high}
            style={{ height: `${height}px` }}
            role="img"
            aria-label={`${map.title}: ${map.rows.length} rows by ${map.steps.length} steps, from ${quantity(range[0], map.unit)} to ${quantity(range[1], map.unit)}`}
            onMouseMove={(event) => setCell(pointed(event))}
            onMouseLeave={() => setCell(null)}
            onClick={(event) => setRow(pointed(event)?.row ?? -1)}
          />
          {cell && <Tip map={map} cell={cell} />}
        </div>
        <span />
        <div class="heat-steps">
          <span>step {digits(map.steps[0] ?? 0)}</span>
          <span>{digits(map.steps.at(-1) ?? 0)}</span>
        </div>
      </div>
      <div class="heat-legend">
        <span class="number">{quantity(range[0], map.unit)}</span>
        <span class="ramp" style={{ background: `linear-gradient(to right, ${STOPS})` }} />
        <span class="number">{quantity(range[1], map.unit)}</span>
        {map.scale === "log" && <span class="note">logarithmic</span>}
        <span class="unmeasured">not measured or NaN</span>
      </div>
      {row >= 0 && row < map.rows.length && (
        <CurveView key={row} curve={rowCurve(map, row)} group={group} height={150} />
      )}
    </Figure>
  );
}

function Tip({ map, cell }: { map: Heatmap; cell: Cell }) {
  const left = (100 * (cell.column + 0.5)) / map.steps.length;
  const side = left > 60 ? { right: `${100 - left}%` } : { left: `${left}%` };
  return (
    <div class="tip" style={{ ...side, top: `${(100 * (cell.row + 1)) / map.rows.length}%` }}>
      <b>{map.rows[cell.row]}</b> step {digits(map.steps[cell.column] ?? 0)}
      <br />
      <span class="number">{quantity(map.values[cell.row]?.[cell.column] ?? "NaN", map.unit)}</span>
    </div>
  );
}

/** One pixel a cell; the browser stretches it. What was not measured stays transparent, above the hatched ground. */
function paint(context: CanvasRenderingContext2D, map: Heatmap, range: Range): void {
  const { width, height } = context.canvas;
  const image = context.createImageData(width, height);
  for (let y = 0; y < height; y++) {
    const row = map.values[Math.floor(((y + 0.5) * map.rows.length) / height)] ?? [];
    for (let x = 0; x < width; x++) {
      const rgb = color(numeric(row[x] ?? "NaN"), range, map.scale === "log");
      if (rgb) image.data.set([...rgb, 255], 4 * (y * width + x));
    }
  }
  context.putImageData(image, 0, 0);
}

function rowCurve(map: Heatmap, row: number): Curve {
  const name = map.rows[row] ?? "";
  return {
    kind: "Curve",
    title: name,
    lines: [{ name, role: "observed", series: { steps: map.steps, values: map.values[row] ?? [] } }],
    unit: map.unit,
    marks: [],
    scale: map.scale,
  };
}
