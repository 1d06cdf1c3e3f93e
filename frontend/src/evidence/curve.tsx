import type { ComponentChildren } from "preact";
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { keep, useKept } from "../address";
import { theme } from "../host";
import { splitName, t } from "../language";
import { useStore } from "../store";
import { digits, numeric, quantity } from "../text";
import type { Curve, Mark, Num } from "../wire";
import { cursorOf } from "./cursor";
import { Figure, type Numbers } from "./figure";
import {
  brokenText,
  canBeLog,
  described,
  isDense,
  plotted,
  type Range,
  type Scale,
  stepRange,
  valueRange,
} from "./lines";
import { curvePicture } from "./picture";
import { data, draw, type Looks, show } from "./plot";
import { RulerContext } from "./ruler";

const USUAL_SMOOTHING = 0.6; // as TensorBoard's own charts begin

export interface CurveProps {
  readonly curve: Curve;
  /** Charts of the same group share one cursor and one zoom. */
  readonly group: string;
  readonly height?: number;
  readonly smoothable?: boolean;
  /** Further controls, before the chart's own. */
  readonly controls?: ComponentChildren;
  /** Marks that stand behind the others. */
  readonly quiet?: ReadonlySet<Mark>;
  /** Axes to hold instead of the curve's own, so that pictures side by side compare. */
  readonly extent?: Extent | undefined;
  /** The palette's colour of each line. */
  colorOf?(name: string, index: number): number;
}

export interface Extent {
  readonly steps: Range | null;
  readonly values: Range | null;
}

export function CurveView(props: CurveProps) {
  const { curve, smoothable = false, colorOf = (_, index) => index } = props;
  const [scale, flip] = useScale(curve);
  const dense = smoothable && curve.lines.some(isDense);
  const [chosen, setSmoothing] = useKept("smooth");
  const smoothing = dense ? smoothingOf(chosen) : 0;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [index, setIndex] = useState<number | null>(null);
  const log = canBeLog(curve.lines);
  const shownScale = log ? scale : "linear";
  const toggle = (name: string) =>
    setHidden((before) => new Set(before.has(name) ? [...before].filter((each) => each !== name) : [...before, name]));
  const broken = plotted(curve.lines, shownScale).lines.filter((line) => line.broken.length > 0);
  const controls = (
    <>
      {props.controls}
      {dense && (
        <label class="slider">
          {t("Smoothing")}
          <input
            type="range"
            min="0"
            max="0.99"
            step="0.01"
            value={smoothing}
            onInput={(event) => setSmoothing(event.currentTarget.value)}
          />
          <output>{smoothing.toFixed(2)}</output>
        </label>
      )}
      {log && (
        <button
          type="button"
          class="quiet"
          aria-pressed={scale === "log"}
          {...(smoothable ? { "aria-keyshortcuts": "l" } : {})}
          onClick={flip}
        >
          {t("log scale")}
        </button>
      )}
    </>
  );
  return (
    <Figure
      title={curve.title}
      controls={controls}
      numbers={() => numbers(curve)}
      picture={() => curvePicture(curve, shownScale)}
    >
      <Legend curve={curve} hidden={hidden} toggle={toggle} index={index} colorOf={colorOf} />
      <Chart {...props} colorOf={colorOf} scale={shownScale} smoothing={smoothing} hidden={hidden} moved={setIndex} />
      {broken.map((line) => (
        <p key={line.name} class="broken">
          {splitName(line.name)}: {brokenText(line.broken)}
        </p>
      ))}
    </Figure>
  );
}

const BETWEEN = "|"; // titles of charts in the address

/** The axis of values: by nature, or turned round by the person, which the address remembers. */
function useScale(curve: Curve): readonly [Scale, () => void] {
  const [kept, setKept] = useKept("flipped");
  const flipped = kept?.split(BETWEEN) ?? [];
  const turned = flipped.includes(curve.title);
  const other: Scale = curve.scale === "log" ? "linear" : "log";
  const flip = () => {
    const now = turned ? flipped.filter((title) => title !== curve.title) : [...flipped, curve.title];
    setKept(now.length > 0 ? now.join(BETWEEN) : null);
  };
  return [turned ? other : curve.scale, flip];
}

function smoothingOf(kept: string | null): number {
  const chosen = kept === null ? USUAL_SMOOTHING : Number(kept);
  return chosen >= 0 && chosen < 1 ? chosen : USUAL_SMOOTHING;
}

/** The steps that the charts of the view are zoomed to, as the address remembers them: "100-400". */
export function useZoom(): Range | null {
  const [kept] = useKept("zoom");
  return useMemo(() => zoomOf(kept), [kept]);
}

function zoomOf(kept: string | null): Range | null {
  const found = /^(-?\d+)-(-?\d+)$/.exec(kept ?? "");
  const [low, high] = [Number(found?.[1]), Number(found?.[2])];
  return found && low < high ? [low, high] : null;
}

interface ChartProps extends CurveProps {
  readonly scale: Scale;
  readonly smoothing: number;
  readonly hidden: ReadonlySet<string>;
  moved(index: number | null): void;
  colorOf(name: string, index: number): number;
}

const NONE: ReadonlySet<Mark> = new Set();

function Chart(props: ChartProps) {
  const { curve, group, height = 200, extent, scale, smoothing, hidden, moved, colorOf, quiet = NONE } = props;
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const zoom = useZoom();
  const latest = useRef(zoom);
  latest.current = zoom;
  const held = useRef<number | null>(null); // the step under the cursor, which a chart drawn anew takes over
  const ruler = useContext(RulerContext);
  const [width, setWidth] = useState(0);
  const dark = useStore(theme);
  const lines = useMemo(() => plotted(curve.lines, scale, smoothing), [curve, scale, smoothing]);
  const behind = useMemo(
    () => (smoothing > 0 ? plotted(curve.lines.filter(isDense), scale).lines : []),
    [curve, scale, smoothing > 0],
  );
  const all = { steps: lines.steps, lines: [...behind, ...lines.lines] };
  const colors = all.lines.map((line) =>
    colorOf(
      line.name,
      curve.lines.findIndex((each) => each.name === line.name),
    ),
  );
  const looks: Looks = { colors, hidden, faint: behind.length };
  const values = extent ? positive(extent.values, scale) : valueRange(curve, scale);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => element.clientWidth > 0 && setWidth(element.clientWidth); // 0 while the tab is hidden
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const shape = JSON.stringify([
    all.lines.map((line) => [line.name, line.role]),
    colors,
    [...hidden],
    scale,
    values,
    curve.marks,
    extent,
    dark,
    ruler.key,
  ]);
  useEffect(() => {
    const element = box.current;
    if (!element || width === 0) return;
    const before = held.current; // drawing clears it
    const drawn = draw(element, {
      plotted: all,
      marks: curve.marks,
      quiet,
      ruler,
      scale,
      unit: curve.unit,
      looks,
      values,
      steps: extent?.steps ?? stepRange(curve),
      group,
      width,
      height,
      zoom,
      aligned: extent !== undefined,
      moved: (index) => {
        moved(index);
        held.current = index === null ? null : (all.steps[index] ?? null);
        cursorOf(group).set(held.current);
      },
      zoomed: (range, whole) => {
        const text = range.join("-");
        if (text === latest.current?.join("-")) return; // as the address says already
        if (!whole || latest.current) keep({ zoom: whole ? null : text });
      },
    });
    chart.current = drawn;
    if (before !== null) queueMicrotask(() => pointAt(drawn, ruler.at(before))); // uPlot has its scales by then
    return () => {
      drawn.destroy();
      chart.current = null;
    };
  }, [shape, group, height, width > 0]);

  useEffect(() => {
    if (width > 0) chart.current?.setSize({ width, height });
  }, [width, height]);

  useEffect(() => {
    const drawn = chart.current;
    if (!drawn) return;
    drawn.setData(data(all, ruler), zoom === null);
    if (zoom) show(drawn, ruler, zoom);
  }, [lines, behind, ruler]);

  useEffect(() => {
    if (chart.current) show(chart.current, ruler, zoom ?? extent?.steps ?? stepRange(curve));
  }, [zoom]);

  return (
    <div
      ref={box}
      class="chart"
      style={{ height: `${height}px` }}
      role="img"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keys below move the cursor and the zoom
      tabIndex={0}
      aria-label={`${curve.title}. ${curve.lines.map((line) => described(line, curve.unit)).join(". ")}. ${curve.marks.map((mark) => mark.label).join(", ")}`}
      title={t("Drag to zoom, double-click to zoom out")}
      onKeyDown={(event) => chart.current && keys(event, chart.current)}
    />
  );
}

function positive(range: Range | null, scale: Scale): Range | null {
  return range && scale === "log" && range[0] <= 0 ? null : range;
}

function pointAt(chart: uPlot, position: number): void {
  chart.setCursor({ left: chart.valToPos(position, "x"), top: chart.over.clientHeight / 2 });
}

/** Arrows move the cursor, + and - zoom around it, Escape shows everything. */
function keys(event: KeyboardEvent, chart: uPlot): void {
  const { length } = chart.data[0];
  const at = chart.cursor.idx ?? Math.floor(length / 2);
  const { min = 0, max = 1 } = chart.scales.x ?? {};
  const stride = Math.max(1, Math.round(length / 60));
  const moveTo = (index: number) => pointAt(chart, chart.data[0][Math.min(Math.max(index, 0), length - 1)] ?? 0);
  const zoomBy = (factor: number) => {
    const center = chart.data[0][at] ?? 0;
    chart.setScale("x", { min: center - (center - (min ?? 0)) * factor, max: center + ((max ?? 1) - center) * factor });
  };
  const actions: Record<string, () => void> = {
    ArrowLeft: () => moveTo(at - stride),
    ArrowRight: () => moveTo(at + stride),
    "+": () => zoomBy(0.5),
    "=": () => zoomBy(0.5),
    "-": () => zoomBy(2),
    Escape: () => chart.setScale("x", { min: chart.data[0][0] ?? 0, max: chart.data[0][length - 1] ?? 1 }),
  };
  const action = actions[event.key];
  if (!action) return;
  action();
  event.preventDefault();
}

interface LegendProps {
  readonly curve: Curve;
  readonly hidden: ReadonlySet<string>;
  readonly index: number | null;
  toggle(name: string): void;
  colorOf(name: string, index: number): number;
}

function Legend({ curve, hidden, index, toggle, colorOf }: LegendProps) {
  const { steps, lines } = useMemo(() => plotted(curve.lines, "linear"), [curve]);
  const { when } = useContext(RulerContext);
  const at = index === null ? null : steps[index];
  return (
    <div class="legend">
      {curve.lines.map((line, position) => {
        const value = index === null ? undefined : nearest(lines[position]?.values ?? [], index);
        return (
          <button
            type="button"
            key={line.name}
            class={`quiet swatch ${line.role}`}
            style={{
              "--swatch":
                line.role === "reference" ? "var(--text-quiet)" : `var(--line-${colorOf(line.name, position) % 8})`,
            }}
            aria-pressed={!hidden.has(line.name)}
            onClick={() => toggle(line.name)}
          >
            {splitName(line.name)}
            {value !== undefined && <span class="number">{quantity(value, curve.unit)}</span>}
          </button>
        );
      })}
      {at !== undefined && at !== null && <span class="at">{when(at)}</span>}
    </div>
  );
}

/** The line's value at the cursor, or the last one before it where this line is sparser than the others. */
function nearest(values: readonly (number | null | undefined)[], index: number): number | undefined {
  for (let i = index; i >= 0; i--) {
    const value = values[i];
    if (value === null) return Number.NaN;
    if (value !== undefined) return value;
  }
  return undefined;
}

function numbers(curve: Curve): Numbers {
  const found = curve.lines.map(
    (line) => new Map<number, Num>(line.series.steps.map((step, index) => [step, line.series.values[index] ?? "NaN"])),
  );
  const { steps } = plotted(curve.lines, "linear");
  return {
    columns: [t("step"), ...curve.lines.map((line) => splitName(line.name))],
    rows: [
      ...steps.map((step) => [step, ...found.map((line) => line.get(step) ?? null)]),
      ...curve.marks.map((mark) => [
        `${mark.label}${mark.to === null ? "" : ` (to ${digits(numeric(mark.to))})`}`,
        mark.at,
      ]),
    ],
  };
}
