import { t } from "../language";
import { digits, numeric, quantity } from "../text";
import type { Histogram } from "../wire";
import { Figure } from "./figure";
import { type Range, span } from "./lines";
import { histogramPicture } from "./picture";
import { clamp } from "./plot";

const WIDTH = 600;
const HEIGHT = 150;

/** What the axis of the edges must hold. */
export function edgeRange(histogram: Histogram): Range | null {
  const levels = histogram.marks.map((mark) => numeric(mark.at));
  return span([...histogram.edges.map(numeric), ...levels].filter(Number.isFinite));
}

/** Bins of growing width come from a quantity that is judged by its magnitude: then the axis is logarithmic too. */
function logarithmic(edges: readonly number[]): boolean {
  const widths = edges.slice(1).map((edge, index) => edge - (edges[index] ?? 0));
  const positive = (edges[0] ?? 0) > 0 && edges.every(Number.isFinite);
  return positive && widths.length > 2 && (widths.at(-1) ?? 0) > 5 * (widths[0] ?? 0);
}

export function HistogramView({ histogram, extent }: { histogram: Histogram; extent?: Range | null | undefined }) {
  const edges = histogram.edges.map(numeric);
  const counts = histogram.counts.map(numeric);
  const [low, high] = extent ?? edgeRange(histogram) ?? [0, 1];
  const log = logarithmic(edges) && low > 0;
  const at = (value: number) => {
    const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return WIDTH * clamp(Number.isFinite(share) ? share : 0, 0, 1);
  };
  const most = span(counts.filter(Number.isFinite))?.[1] || 1;
  const total = counts.reduce((sum, count) => sum + (Number.isFinite(count) ? count : 0), 0);
  return (
    <Figure
      title={histogram.title}
      picture={() => histogramPicture(histogram)}
      numbers={() => ({
        columns: [t("from"), t("to"), t("count")],
        rows: histogram.counts.map((count, i) => [histogram.edges[i] ?? null, histogram.edges[i + 1] ?? null, count]),
      })}
    >
      <div class="histogram">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={t("{title}: {count} values between {low} and {high}", {
            title: histogram.title,
            count: digits(total),
            low: quantity(low, histogram.unit),
            high: quantity(high, histogram.unit),
          })}
        >
          {counts.map((count, index) => {
            const [left, right] = [at(edges[index] ?? low), at(edges[index + 1] ?? high)];
            const size = Number.isFinite(count) ? (count / most) * (HEIGHT - 4) : 0;
            return (
              <rect key={index} x={left + 0.5} y={HEIGHT - size} width={Math.max(0, right - left - 1)} height={size}>
                <title>
                  {t("{low} to {high}: {count}", {
                    low: quantity(edges[index] ?? 0, histogram.unit),
                    high: quantity(edges[index + 1] ?? 0, histogram.unit),
                    count: digits(count),
                  })}
                </title>
              </rect>
            );
          })}
          {histogram.marks.map((mark) => (
            <line
              key={mark.label}
              class="level"
              x1={at(numeric(mark.at))}
              x2={at(numeric(mark.at))}
              y1="0"
              y2={HEIGHT}
            />
          ))}
        </svg>
        {histogram.marks.map((mark) => (
          <span key={mark.label} class="histogram-mark" style={labelAt(at(numeric(mark.at)) / WIDTH)}>
            {mark.label} {quantity(mark.at, histogram.unit)}
          </span>
        ))}
        <div class="heat-steps">
          <span>{quantity(low, histogram.unit)}</span>
          {log && <span class="note">{t("logarithmic")}</span>}
          <span>{quantity(high, histogram.unit)}</span>
        </div>
      </div>
    </Figure>
  );
}

function labelAt(share: number): Record<string, string> {
  return share > 0.6 ? { right: `calc(${100 * (1 - share)}% + 4px)` } : { left: `calc(${100 * share}% + 4px)` };
}
