/** Evidence, drawn by its kind: the page's one switch over what rules can show. */
import { t } from "../language";
import { quantity } from "../text";
import type { Curve, Evidence, Fact, Num, Table, Unit } from "../wire";
import { BarsView, barsRange } from "./bars";
import { type CurveProps, CurveView, type Extent } from "./curve";
import { Cells } from "./figure";
import { HeatmapView, heatRange } from "./heatmap";
import { edgeRange, HistogramView } from "./histogram";
import { joined, stepRange, valueRange } from "./lines";

interface Props {
  readonly evidence: Evidence;
  /** Charts of the same group share one cursor and one zoom. */
  readonly group: string;
  /** Axes to hold instead of its own. */
  readonly extent?: Extent | undefined;
  /** The palette's colour of the run that this was seen in, where several runs are side by side. */
  readonly tint?: number | undefined;
  /** The layers or features that the finding is about. */
  readonly where?: readonly string[] | undefined;
}

export function EvidenceView({ evidence, group, extent, tint, where }: Props) {
  switch (evidence.kind) {
    case "Curve":
      return <CurveView curve={evidence} group={group} extent={extent} {...tinted(evidence, tint)} />;
    case "Bars":
      return <BarsView bars={evidence} extent={extent?.values} concerned={where} />;
    case "Heatmap":
      return <HeatmapView map={evidence} group={group} extent={extent?.values} />;
    case "Histogram":
      return <HistogramView histogram={evidence} extent={extent?.values} />;
    case "Table":
      return <TableView {...evidence} />;
    case "Fact":
      return <FactView {...evidence} />;
    default:
      return <Unknown evidence={evidence satisfies never} />;
  }
}

/** A curve of one observed line in its run's colour. */
function tinted(curve: Curve, tint: number | undefined): Pick<CurveProps, "colorOf"> {
  const single = curve.lines.filter((line) => line.role === "observed").length === 1;
  return single && tint !== undefined ? { colorOf: () => tint } : {};
}

/** Axes that hold all of these pictures, so that they compare at a glance. */
export function commonExtent(pictures: readonly (Evidence | null)[]): Extent {
  const drawn = pictures.filter((picture) => picture !== null);
  return {
    steps: joined(drawn.map((each) => (each.kind === "Curve" ? stepRange(each) : null))),
    values: joined(
      drawn.map((each) => {
        if (each.kind === "Curve") return valueRange(each, each.scale);
        if (each.kind === "Bars") return barsRange(each);
        if (each.kind === "Heatmap") return heatRange(each);
        return each.kind === "Histogram" ? edgeRange(each) : null;
      }),
    ),
  };
}

function TableView({ title, columns, rows }: Table) {
  return (
    <figure class="figure">
      <figcaption>{title}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label={title}>
        <Cells columns={columns} rows={rows} />
      </section>
    </figure>
  );
}

function FactView({ title, value, unit, reference, note }: Fact) {
  return (
    <figure class="figure fact">
      <figcaption>{title}</figcaption>
      <p>
        <strong>{shown(value, unit)}</strong>
        {reference !== null && (
          <span class="reference">{t("compared with {value}", { value: shown(reference, unit) })}</span>
        )}
      </p>
      {note && <p class="note">{note}</p>}
    </figure>
  );
}

function shown(value: string | Num, unit: Unit): string {
  const isNumber = typeof value === "number" || value === "NaN" || value === "Infinity" || value === "-Infinity";
  return isNumber ? quantity(value as Num, unit) : value;
}

/** A kind that a newer server knows and this page does not: better raw than lost. */
function Unknown({ evidence }: { evidence: unknown }) {
  return (
    <figure class="figure">
      <figcaption>{t("This page is older than the server and cannot draw this evidence")}</figcaption>
      <pre class="scroll">{JSON.stringify(evidence, null, 2)}</pre>
    </figure>
  );
}
