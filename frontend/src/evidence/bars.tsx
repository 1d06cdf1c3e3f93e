import { t, word } from "../language";
import { digits, numeric, quantity } from "../text";
import type { Bars } from "../wire";
import { Figure } from "./figure";
import { type Range, type Scale, span } from "./lines";
import { barsPicture } from "./picture";

/** What the axis of these bars must hold. */
export function barsRange(bars: Bars): Range | null {
  const values = [...bars.values, ...(bars.threshold === null ? [] : [bars.threshold])].map(numeric);
  return span(values.filter((value) => Number.isFinite(value) && (bars.scale === "linear" || value > 0)));
}

/** Where a value lies on the axis, from 0 to 1. */
function position(value: number, [low, high]: Range, scale: Scale): number {
  const at = scale === "log" ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(1, Math.max(0, Number.isFinite(at) ? at : 0));
}

/** The axis of bars: from zero, or from the decade below the smallest on a logarithmic one. */
function axisOf(range: Range | null, scale: Scale, share: boolean): Range {
  const [low, high] = range ?? [0, 1];
  if (scale === "log") return [10 ** Math.floor(Math.log10(low) - 0.05), Math.max(high, low * 1.0001) * 1.05];
  const top = share && high > 0.5 && high <= 1 ? 1 : Math.max(0, high) * 1.05;
  const bottom = Math.min(0, low) * 1.05;
  return top > bottom ? [bottom, top] : [0, 1];
}

interface Props {
  readonly bars: Bars;
  readonly extent?: Range | null | undefined;
  /** The labels that the finding is about. */
  readonly concerned?: readonly string[] | undefined;
}

export function BarsView({ bars, extent, concerned = [] }: Props) {
  const axis = axisOf(extent ?? barsRange(bars), bars.scale, bars.unit === "share");
  const zero = bars.scale === "log" ? 0 : position(0, axis, "linear");
  const threshold = bars.threshold === null ? null : numeric(bars.threshold);
  return (
    <Figure
      title={bars.title}
      picture={() => barsPicture(bars)}
      numbers={() => ({
        columns: ["", word(bars.unit)],
        rows: bars.labels.map((label, i) => [label, bars.values[i] ?? null]),
      })}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section class="bars scroll" aria-label={bars.title} tabIndex={0}>
        {threshold !== null && (
          <div class="bar-row bar-threshold">
            <span />
            <span class="bar-track">
              <span class="threshold-label" style={labelAt(position(threshold, axis, bars.scale))}>
                {t("limit {value}", { value: quantity(threshold, bars.unit) })}
              </span>
            </span>
            <span />
          </div>
        )}
        <ul>
          {bars.labels.map((label, index) => {
            const value = numeric(bars.values[index] ?? "NaN");
            const at = position(value, axis, bars.scale);
            return (
              <li class="bar-row" key={index}>
                <span class="bar-label" title={label}>
                  {label}
                </span>
                <span class="bar-track">
                  {Number.isFinite(value) && (
                    <span
                      class={`bar ${concerned.includes(label) ? "concerned" : ""}`}
                      style={{ left: `${100 * Math.min(at, zero)}%`, width: `${100 * Math.abs(at - zero)}%` }}
                    />
                  )}
                  {threshold !== null && (
                    <span class="threshold" style={{ left: `${100 * position(threshold, axis, bars.scale)}%` }} />
                  )}
                </span>
                <span class="number">{Number.isFinite(value) ? quantity(value, bars.unit) : digits(value)}</span>
              </li>
            );
          })}
        </ul>
      </section>
      {bars.scale === "log" && (
        <p class="note">{t("Logarithmic, from {value}.", { value: quantity(axis[0], bars.unit) })}</p>
      )}
    </Figure>
  );
}

/** Keep the label inside the track at both ends. */
function labelAt(share: number): Record<string, string> {
  return share > 0.5 ? { right: `${100 * (1 - share)}%` } : { left: `${100 * share}%` };
}
