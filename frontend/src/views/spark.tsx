import { span } from "../evidence/lines";
import { t } from "../language";
import { digits, numeric } from "../text";
import type { Num } from "../wire";

const WIDTH = 96;
const HEIGHT = 24;

/** A loss in the size of a word. Where it stops being finite, a cross. */
export function Spark({ values, label }: { values: readonly Num[]; label: string }) {
  const numbers = values.map(numeric);
  const range = span(numbers.filter(Number.isFinite));
  if (!range) return null;
  const [low, high] = range;
  const log = low > 0 && high / low > 20; // a diverging loss would press everything else flat
  const scale = (value: number) => (log ? Math.log(value) : value);
  const rise = scale(high) - scale(low) || 1;
  const at = (value: number, index: number) =>
    `${((index / Math.max(1, numbers.length - 1)) * (WIDTH - 6) + 3).toFixed(1)} ${(HEIGHT - 3 - ((scale(value) - scale(low)) / rise) * (HEIGHT - 6)).toFixed(1)}`;
  const path = numbers
    .map((value, index) => {
      if (!Number.isFinite(value)) return "";
      const pen = index > 0 && Number.isFinite(numbers[index - 1]) ? "L" : "M";
      return `${pen}${at(value, index)}`;
    })
    .join("");
  const broken = numbers.findIndex((value) => !Number.isFinite(value));
  const last = numbers.at(-1) ?? Number.NaN;
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={t("{label}, ends at {value}", { label, value: digits(last) })}
    >
      <path d={path} />
      {broken >= 0 && (
        <path class="spark-broken" d={cross(3 + (broken / Math.max(1, numbers.length - 1)) * (WIDTH - 6))} />
      )}
    </svg>
  );
}

function cross(x: number): string {
  const [left, right] = [(x - 3).toFixed(1), (x + 3).toFixed(1)];
  return `M${left} 3L${right} 9M${left} 9L${right} 3`;
}
