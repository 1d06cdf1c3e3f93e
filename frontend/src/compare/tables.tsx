/** What a comparison tells in cells: causes, settings and figures, a column for each run. */
import type { ComponentChildren } from "preact";
import { useKept } from "../address";
import { t, word } from "../language";
import { Icon, Sureness } from "../parts";
import { cell, figure, ROLE, titled } from "../text";
import type { CauseRow, Comparison, FigureRow, Num, Role } from "../wire";
import { Badge, Change } from "./side";

/** A table that may be wider than the page, and is then scrolled by itself, with the keyboard too. */
function Wide({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section class="scroll-x" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}

function Heads({ runs, first }: { runs: readonly string[]; first: string }) {
  return (
    <thead>
      <tr>
        <th scope="col">{first}</th>
        {runs.map((run, index) => (
          <th key={run} scope="col" title={run}>
            <Badge index={index} /> {run}
          </th>
        ))}
      </tr>
    </thead>
  );
}

export function Causes({ rows, runs }: { rows: readonly CauseRow[]; runs: readonly string[] }) {
  return (
    <section>
      <h2>{t("Causes")}</h2>
      {rows.length === 0 ? (
        <p class="lead">{t("None was found in any of these runs.")}</p>
      ) : (
        <Wide label={t("Causes by run")}>
          <table class="cells sides-table">
            <Heads runs={runs} first={t("Cause")} />
            <tbody>
              {rows.map((row) => (
                <tr key={row.cause}>
                  <th scope="row">{row.title || titled(row.cause)}</th>
                  {runs.map((run, index) => (
                    <td key={run}>
                      <CauseCell
                        confidence={row.confidence[index] ?? null}
                        role={row.role[index] ?? null}
                        gone={index > 0 && row.confidence[0] !== null}
                      />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </section>
  );
}

function CauseCell({ confidence, role, gone }: { confidence: Num | null; role: string | null; gone: boolean }) {
  if (confidence === null) {
    return gone ? (
      <span class="gone">
        <Icon name="good" /> {t("gone")}
      </span>
    ) : (
      <span class="quiet-text">–</span>
    );
  }
  return (
    <span class="cause-cell">
      {role && role in ROLE ? t(ROLE[role as Role]) : ""} <Sureness confidence={confidence} words={false} />
    </span>
  );
}

export function Differences({ comparison }: { comparison: Comparison }) {
  const [kept, setKept] = useKept("same");
  const all = kept !== null;
  const { runs, differences } = comparison;
  const same = Object.entries(comparison.same);
  return (
    <section>
      <h2>
        {t("Settings")}
        {same.length > 0 && (
          <label class="switch">
            <input type="checkbox" checked={all} onChange={() => setKept(all ? null : "1")} />{" "}
            {t("show the {n} that are the same", { n: same.length })}
          </label>
        )}
      </h2>
      {differences.length === 0 && <p class="lead">{t("No setting that was logged differs.")}</p>}
      {(differences.length > 0 || all) && (
        <Wide label={t("Settings by run")}>
          <table class="cells sides-table">
            <Heads runs={runs} first={t("Setting")} />
            <tbody>
              {differences.map(({ setting, values }) => (
                <tr key={setting} class="differs">
                  <th scope="row">{word(setting)}</th>
                  {runs.map((run, index) => (
                    <td key={run}>{cell(values[index] ?? null)}</td>
                  ))}
                </tr>
              ))}
              {all &&
                same.map(([setting, value]) => (
                  <tr key={setting}>
                    <th scope="row">{word(setting)}</th>
                    {runs.map((run) => (
                      <td key={run} class="quiet-text">
                        {cell(value)}
                      </td>
                    ))}
                  </tr>
                ))}
            </tbody>
          </table>
        </Wide>
      )}
    </section>
  );
}

export function FigureTable({ rows, runs }: { rows: readonly FigureRow[]; runs: readonly string[] }) {
  if (rows.length === 0) return null;
  return (
    <section>
      <h2>{t("Figures")}</h2>
      <Wide label={t("Figures by run")}>
        <table class="cells sides-table">
          <Heads runs={runs} first={t("Figure")} />
          <tbody>
            {rows.map((row) => (
              <tr key={row.figure}>
                <th scope="row">{word(row.figure)}</th>
                {runs.map((run, index) => (
                  <td key={run} class="number">
                    {shown(row.figure, row.values[index] ?? null)}
                    {index > 0 && <Change row={row} index={index} />}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </section>
  );
}

function shown(name: string, value: Num | null): string {
  return value === null ? "–" : figure(name, value);
}
