/** One run of a comparison: its letter and colour, what is different about it, and what came of that. */

import { goTo } from "../address";
import { t, word } from "../language";
import { VerdictChip, ViewLink } from "../parts";
import { TELLING } from "../runs/matching";
import { cell, change, figure, numeric } from "../text";
import { useRoles } from "../views/roles";
import type { Comparison, FigureRow, VerdictId } from "../wire";
import { better } from "./better";

const MOST_SETTINGS = 4;

export function Badge({ index }: { index: number }) {
  return (
    <span class="badge" style={{ "--swatch": `var(--line-${index % 8})` }}>
      {String.fromCharCode(65 + index)}
    </span>
  );
}

export function RunName({ run, index }: { run: string; index: number }) {
  return (
    <p class="side-name">
      <Badge index={index} /> {run}
    </p>
  );
}

interface Props {
  readonly comparison: Comparison;
  readonly index: number;
  /** Whether these runs can be compared in this order. */
  possible(runs: readonly string[]): boolean;
}

export function Side({ comparison, index, possible }: Props) {
  const { runs } = comparison;
  const roles = useRoles();
  const run = runs[index] ?? "";
  const others = runs.filter((each) => each !== run);
  const promoted = [run, ...others];
  return (
    <li>
      <h2>
        <Badge index={index} />
        <ViewLink view={{ name: "run", run }} kept={roles}>
          {run}
        </ViewLink>
        {index === 0 && <span class="quiet-text">{t("baseline")}</span>}
      </h2>
      <VerdictChip verdict={{ id: (comparison.verdicts[index] ?? "too-short") as VerdictId }} />
      <p>{comparison.headlines[index]}</p>
      {index > 0 && <Changed comparison={comparison} index={index} />}
      <p class="side-actions">
        {index > 0 && possible(promoted) && (
          <button type="button" class="quiet" onClick={() => goTo({ name: "compare", runs: promoted }, roles)}>
            {t("Make baseline")}
            <span class="sr"> {run}</span>
          </button>
        )}
        {others.length > 1 && possible(others) && (
          <button type="button" class="quiet" onClick={() => goTo({ name: "compare", runs: others }, roles)}>
            {t("Remove")}
            <span class="sr"> {run}</span>
          </button>
        )}
      </p>
    </li>
  );
}

/** The settings that were changed, and the loss that the runs are judged by. */
function Changed({ comparison, index }: { comparison: Comparison; index: number }) {
  const settings = telling(comparison.differences, index);
  const loss = judged(comparison.figures, index);
  return (
    <dl class="changed">
      {settings.slice(0, MOST_SETTINGS).map(({ setting, values }) => (
        <div key={setting}>
          <dt>{word(setting)}</dt>
          <dd>
            {cell(values[0] ?? null)} → <b>{cell(values[index] ?? null)}</b>
          </dd>
        </div>
      ))}
      {settings.length > MOST_SETTINGS && (
        <div class="quiet-text">{t("and {n} more settings", { n: settings.length - MOST_SETTINGS })}</div>
      )}
      {settings.length === 0 && <div class="quiet-text">{t("no setting that was logged differs")}</div>}
      {loss && (
        <div>
          <dt>{word(loss.figure)}</dt>
          <dd>
            {figure(loss.figure, loss.values[0] ?? "NaN")} → <b>{figure(loss.figure, loss.values[index] ?? "NaN")}</b>{" "}
            <Change row={loss} index={index} />
          </dd>
        </div>
      )}
    </dl>
  );
}

/** The settings that are not the baseline's: first those that matter most, last those that only one of the two has. */
function telling(differences: Comparison["differences"], index: number): Comparison["differences"] {
  const weight = ({ setting, values }: Comparison["differences"][number]) => {
    const place = TELLING.indexOf(setting);
    const known = (values[0] ?? null) !== null && (values[index] ?? null) !== null;
    return (known ? 0 : 100) + (place < 0 ? TELLING.length : place);
  };
  return differences
    .filter(({ values }) => cell(values[0] ?? null) !== cell(values[index] ?? null))
    .sort((a, b) => weight(a) - weight(b));
}

/** The figure by which runs are judged: the validation loss, else the test or the training loss, where both have it. */
function judged(figures: readonly FigureRow[], index: number): FigureRow | null {
  const known = (row: FigureRow) => row.values[0] !== null && (row.values[index] ?? null) !== null;
  const rows = ["val loss", "test loss", "train loss"].map((name) => figures.find((row) => row.figure === name));
  return rows.find((row): row is FigureRow => row !== undefined && known(row)) ?? null;
}

/** The difference of two shares, in percentage points. */
function points(difference: number): string {
  return t("{n} points", { n: change(Number((100 * difference).toPrecision(2))) });
}

/** The difference to the baseline, and whether it is for the better. */
export function Change({ row, index }: { row: FigureRow; index: number }) {
  const difference = row.change[index] ?? null;
  const verdict = better(row.figure, row.values[index] ?? null, row.values[0] ?? null);
  const known = difference !== null && Number.isFinite(numeric(difference));
  if (!known && verdict === null) return null;
  return (
    <span class={`change ${verdict ?? ""}`}>
      {known && (/accuracy|share/.test(row.figure) ? points(numeric(difference)) : change(difference))}
      {verdict && ` ${t(verdict)}`}
    </span>
  );
}
