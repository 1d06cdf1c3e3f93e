import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { theme } from "../host";
import { t } from "../language";
import { useStore } from "../store";
import { digits, numeric, quantity } from "../text";
import type { Curve, Heatmap } from "../wire";
import { type Block, blocks, short } from "./blocks";
import { cursorOf } from "./cursor";
import { CurveView } from "./curve";
import { Figure } from "./figure";
import { type Range, span } from "./lines";
import { heatmapPicture } from "./picture";
import { clamp } from "./plot";
import { AMOUNT, CHANGE, type Color, colorAt, type Ramp, stops } from "./ramp";

const MOST_LABELS = 40;
const TALLEST = 600;

/** What the colours of this map must span. */
export function heatRange(map: Heatmap): Range | null {
  const values = map.values.flatMap((row) => row.map(numeric));
  return span(values.filter((value) => Number.isFinite(value) && (map.scale === "linear" || value > 0)));
}

/** What changed, in words: a factor where sizes are compared, else what was added. */
function changed(value: number, { scale, unit }: Heatmap): string {
  if (scale !== "log") return `${value > 0 ? "+" : ""}${quantity(value, unit)}`;
  return value < 1 ? `÷ ${digits(1 / value, 2)}` : `× ${digits(value, 2)}`;
}

function color(value: number, [low, high]: Range, log: boolean, ramp: Ramp): Color | null {
  if (Number.isNaN(value)) return null;
  const scaled = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return colorAt(ramp, Number.isNaN(scaled) ? (value === 0 && ramp === AMOUNT ? 0 : 0.5) : scaled);
}

interface Cell {
  readonly row: number;
  readonly column: number;
}

interface Props {
  readonly map: Heatmap;
  readonly group: string;
  readonly extent?: Range | null | undefined;
  /** Called with the row that is chosen, where its curve is shown elsewhere. */
  picked?(row: string): void;
  /** Called with the block that is chosen. */
  entered?(block: Block): void;
  /** Rows to point at. */
  readonly chosen?: readonly string[];
  /** Whether the values say what changed: then the middle of the colours is no change. */
  readonly change?: boolean;
}

export function HeatmapView({ map, group, extent, picked, entered, chosen = [], change = false }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [cell, setCell] = useState<Cell | null>(null);
  const [row, setRow] = useState(-1);
  const parts = useMemo(() => blocks(map.rows), [map]);
  const pick = (index: number) => (picked ? index >= 0 && picked(map.rows[index] ?? "") : setRow(index));
  const dark = useStore(theme);
  const ramp = change ? CHANGE[dark] : AMOUNT;
  const range = useMemo(() => extent ?? heatRange(map) ?? ([0, 1] as const), [map, extent]);
  const high = clamp(map.rows.length, 1, TALLEST);
  const height = clamp(map.rows.length * 18, 36, TALLEST);

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context && map.steps.length) paint(context, map, range, ramp);
  }, [map, range, ramp]);

  const pointed = (event: MouseEvent): Cell | null => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box || box.width === 0) return null;
    return {
      row: clamp(Math.floor(((event.clientY - box.top) / box.height) * map.rows.length), 0, map.rows.length - 1),
      column: clamp(Math.floor(((event.clientX - box.left) / box.width) * map.steps.length), 0, map.steps.length - 1),
    };
  };
  const end = (value: number) => (change ? changed(value, map) : quantity(value, map.unit));
  const moved = (event: KeyboardEvent) => {
    const next = movedCell(event.key, cell, map);
    if (next) setCell(next);
    else if (cell && (event.key === "Enter" || event.key === " ")) pick(cell.row);
    else return;
    event.preventDefault();
  };
  return (
    <Figure
      title={map.title}
      controls={
        !picked && (
          <select
            aria-label={t("Curve of one row of {title}", { title: map.title })}
            value={row}
            onChange={(event) => setRow(Number(event.currentTarget.value))}
          >
            <option value={-1}>{t("curve of …")}</option>
            {map.rows.map((name, index) => (
              <option key={index} value={index}>
                {name}
              </option>
            ))}
          </select>
        )
      }
      picture={() => heatmapPicture(map, range, (value, span, log) => color(value, span, log, ramp))}
      numbers={() => ({
        columns: [t("layer"), ...map.steps.map((step) => t("step {at}", { at: step }))],
        rows: map.rows.map((name, index) => [name, ...(map.values[index] ?? [])]),
      })}
    >
      <div class="heat">
        <RowNames map={map} parts={parts} height={height} entered={entered} chosen={chosen} />
        <div class="heat-map">
          <canvas
            ref={canvas}
            width={Math.max(1, map.steps.length)}
            height={high}
            style={{ height: `${height}px` }}
            role="img"
            tabIndex={0}
            onKeyDown={moved}
            onBlur={() => setCell(null)}
            aria-label={t("{title}: {rows} rows by {steps} steps, from {low} to {high}", {
              title: map.title,
              rows: map.rows.length,
              steps: map.steps.length,
              low: end(range[0]),
              high: end(range[1]),
            })}
            onMouseMove={(event) => setCell(pointed(event))}
            onMouseLeave={() => setCell(null)}
            onClick={(event) => pick(pointed(event)?.row ?? -1)}
          />
          {parts.slice(1).map((part) => (
            <span key={part.from} class="heat-edge" style={{ top: `${(100 * part.from) / map.rows.length}%` }} />
          ))}
          {map.rows.map((name, index) =>
            chosen.includes(name) ? (
              <span key={name} class="heat-chosen" style={rowBox(index, map.rows.length)} />
            ) : null,
          )}
          <CursorLine map={map} group={group} />
          {cell && <Tip map={map} cell={cell} shown={end} />}
        </div>
        <span />
        <div class="heat-steps">
          <span>{t("step {at}", { at: digits(map.steps[0] ?? 0) })}</span>
          <span>{digits(map.steps.at(-1) ?? 0)}</span>
        </div>
      </div>
      <div class="heat-legend">
        <span class="number">{end(range[0])}</span>
        <span class="ramp" style={{ background: `linear-gradient(to right, ${stops(ramp)})` }} />
        <span class="number">{end(range[1])}</span>
        {change ? (
          <span class="note">{t("no change in the middle")}</span>
        ) : (
          map.scale === "log" && <span class="note">{t("logarithmic")}</span>
        )}
        <span class="unmeasured">{t("not measured or NaN")}</span>
      </div>
      {row >= 0 && row < map.rows.length && (
        <CurveView key={row} curve={rowCurve(map, row)} group={group} height={150} />
      )}
    </Figure>
  );
}

function rowBox(index: number, count: number): Record<string, string> {
  return { top: `${(100 * index) / count}%`, height: `${100 / count}%` };
}

interface RowNamesProps {
  readonly map: Heatmap;
  readonly entered: Props["entered"];
  readonly parts: readonly Block[];
  readonly height: number;
  readonly chosen: readonly string[];
}

/** The rows by name; where there are too many, their blocks, which can be entered. */
function RowNames({ map, parts, height, entered, chosen }: RowNamesProps) {
  const { rows } = map;
  if (rows.length > MOST_LABELS) {
    return (
      <div class="heat-rows" style={{ height: `${height}px` }}>
        {parts.map((part) => (
          <button
            type="button"
            key={part.from}
            class="link heat-block"
            title={t("{name}: {n} {n|row|rows}", { name: part.name, n: part.to - part.from })}
            style={{ top: `${(50 * (part.from + part.to)) / rows.length}%` }}
            onClick={() => entered?.(part)}
            disabled={!entered}
          >
            {short(part.name)}
          </button>
        ))}
      </div>
    );
  }
  return (
    <div class="heat-rows" style={{ height: `${height}px` }} aria-hidden="true">
      {rows.map((name, index) => (
        <span
          key={index}
          title={name}
          class={chosen.includes(name) ? "chosen" : undefined}
          style={{ top: `${(100 * (index + 0.5)) / rows.length}%` }}
        >
          {name}
        </span>
      ))}
    </div>
  );
}

/** Where the cursor of the run's charts is. */
function CursorLine({ map, group }: { map: Heatmap; group: string }) {
  const step = useStore(cursorOf(group));
  const [first = 0, last = 0] = [map.steps[0], map.steps.at(-1)];
  if (step === null || last <= first || step < first || step > last) return null;
  const after = map.steps.findIndex((each) => each > step);
  const column = (after < 0 ? map.steps.length : after) - 1;
  return <span class="heat-cursor" style={{ left: `${(100 * (column + 0.5)) / map.steps.length}%` }} />;
}

/** The cell that an arrow leads to. */
function movedCell(key: string, cell: Cell | null, map: Heatmap): Cell | null {
  const { row, column } = cell ?? { row: 0, column: 0 };
  if (!cell && key.startsWith("Arrow")) return { row, column };
  const moves: Record<string, Cell> = {
    ArrowUp: { row: row - 1, column },
    ArrowDown: { row: row + 1, column },
    ArrowLeft: { row, column: column - 1 },
    ArrowRight: { row, column: column + 1 },
  };
  const next = moves[key];
  if (!next) return null;
  return { row: clamp(next.row, 0, map.rows.length - 1), column: clamp(next.column, 0, map.steps.length - 1) };
}

function Tip({ map, cell, shown }: { map: Heatmap; cell: Cell; shown(value: number): string }) {
  const left = (100 * (cell.column + 0.5)) / map.steps.length;
  const side = left > 60 ? { right: `${100 - left}%` } : { left: `${left}%` };
  return (
    <div class="tip" role="status" style={{ ...side, top: `${(100 * (cell.row + 1)) / map.rows.length}%` }}>
      <b>{map.rows[cell.row]}</b> {t("step {at}", { at: digits(map.steps[cell.column] ?? 0) })}
      <br />
      <span class="number">{shown(numeric(map.values[cell.row]?.[cell.column] ?? "NaN"))}</span>
    </div>
  );
}

/** One pixel a cell; the browser stretches it. What was not measured stays transparent, above the hatched ground. */
function paint(context: CanvasRenderingContext2D, map: Heatmap, range: Range, ramp: Ramp): void {
  const { width, height } = context.canvas;
  const image = context.createImageData(width, height);
  for (let y = 0; y < height; y++) {
    const row = map.values[Math.floor(((y + 0.5) * map.rows.length) / height)] ?? [];
    for (let x = 0; x < width; x++) {
      const rgb = color(numeric(row[x] ?? "NaN"), range, map.scale === "log", ramp);
      if (rgb) image.data.set([...rgb, 255], 4 * (y * width + x));
    }
  }
  context.putImageData(image, 0, 0);
}

export function rowCurve(map: Heatmap, row: number): Curve {
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
