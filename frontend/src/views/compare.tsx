/** Runs side by side: what got better, what differs, when they parted. */
import { useMemo, useState } from "preact/hooks";
import { goTo } from "../address";
import type { Source } from "../api";
import { CurveView } from "../evidence/curve";
import { commonExtent, EvidenceView } from "../evidence/evidence";
import { withSteps } from "../evidence/lines";
import { t } from "../language";
import { Failure, Icon, Loading, Stale, Sureness, VerdictChip } from "../parts";
import { useDocument } from "../resource";
import { cell, change, numeric, ROLE, titled } from "../text";
import type { CauseRow, Comparison, ComparisonDocument, EvidenceRow, FigureRow, Num, Role, VerdictId } from "../wire";

export function CompareView({ runs, source }: { runs: readonly string[]; source: Source }) {
  const { data, error, loading, retry } = useDocument<ComparisonDocument>(`compare ${JSON.stringify(runs)}`, () =>
    source.compare(runs),
  );
  return (
    <article class="compare">
      <nav class="trail" aria-label="Runs">
        <button type="button" class="link" onClick={() => goTo({ name: "runs" })}>
          Runs
        </button>
        <span aria-hidden="true">/</span>
        <b>Comparison</b>
        {source.comparable([...runs].reverse()) && (
          <button
            type="button"
            class="quiet"
            onClick={() => goTo({ name: "compare", runs: [...runs.slice(1), ...runs.slice(0, 1)] })}
          >
            Next run as baseline
          </button>
        )}
      </nav>
      {loading && <Loading what="Comparing" />}
      {data && <Stale message={error} retry={retry} />}
      {!data && error !== null && <Failure message={error} retry={retry} />}
      {data && <ComparisonBody comparison={data.comparison} />}
    </article>
  );
}

function letter(index: number): string {
  return String.fromCharCode(65 + index);
}

function Badge({ index }: { index: number }) {
  return (
    <span class="badge" style={{ "--swatch": `var(--line-${index % 8})` }}>
      {letter(index)}
    </span>
  );
}

function ComparisonBody({ comparison }: { comparison: Comparison }) {
  const { runs } = comparison;
  const group = `compare ${runs.join("\n")}`;
  const curves = useMemo(
    () => comparison.curves.map((curve) => ({ ...curve, marks: withParting(curve.marks, comparison.parting) })),
    [comparison],
  );
  const colorOf = (name: string, index: number) => (runs.includes(name) ? runs.indexOf(name) : index);
  return (
    <>
      <header class="headline">
        <h1>{comparison.summary}</h1>
      </header>
      <ul class="sides">
        {runs.map((run, index) => (
          <li key={run}>
            <h2>
              <Badge index={index} />
              <button type="button" class="link" onClick={() => goTo({ name: "run", run })}>
                {run}
              </button>
              {index === 0 && <span class="quiet-text">baseline</span>}
            </h2>
            <VerdictChip verdict={{ id: (comparison.verdicts[index] ?? "too-short") as VerdictId }} />
            <p>{comparison.headlines[index]}</p>
          </li>
        ))}
      </ul>
      {curves.map((curve) => (
        <CurveView key={curve.title} curve={curve} group={group} height={260} smoothable colorOf={colorOf} />
      ))}
      <Causes rows={comparison.causes} runs={runs} />
      <Differences comparison={comparison} />
      <FigureTable rows={comparison.figures} runs={runs} />
      {comparison.evidence.length > 0 && (
        <section>
          <h2>Evidence on equal axes</h2>
          {comparison.evidence.map((row) => (
            <SideBySide key={row.title} row={row} runs={runs} group={group} />
          ))}
        </section>
      )}
    </>
  );
}

function withParting(marks: Comparison["curves"][number]["marks"], parting: number | null) {
  const marked = marks.some((mark) => mark.kind === "step" && numeric(mark.at) === parting);
  return parting === null || marked ? marks : withSteps(marks, [{ at: parting, label: "they part" }]);
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

function Causes({ rows, runs }: { rows: readonly CauseRow[]; runs: readonly string[] }) {
  return (
    <section>
      <h2>Causes</h2>
      {rows.length === 0 ? (
        <p class="lead">None was found in any of these runs.</p>
      ) : (
        <div class="scroll-x">
          <table class="cells sides-table">
            <Heads runs={runs} first="Cause" />
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
        </div>
      )}
    </section>
  );
}

function CauseCell({ confidence, role, gone }: { confidence: Num | null; role: string | null; gone: boolean }) {
  if (confidence === null) {
    return gone ? (
      <span class="gone">
        <Icon name="good" /> gone
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

function Differences({ comparison }: { comparison: Comparison }) {
  const [all, setAll] = useState(false);
  const { runs, differences } = comparison;
  const same = Object.entries(comparison.same);
  return (
    <section>
      <h2>
        Settings
        {same.length > 0 && (
          <label class="switch">
            <input type="checkbox" checked={all} onChange={() => setAll(!all)} /> show the {same.length} that are the
            same
          </label>
        )}
      </h2>
      {differences.length === 0 && <p class="lead">No setting that was logged differs.</p>}
      {(differences.length > 0 || all) && (
        <div class="scroll-x">
          <table class="cells sides-table">
            <Heads runs={runs} first="Setting" />
            <tbody>
              {differences.map(({ setting, values }) => (
                <tr key={setting} class="differs">
                  <th scope="row">{setting}</th>
                  {runs.map((run, index) => (
                    <td key={run}>{cell(values[index] ?? null)}</td>
                  ))}
                </tr>
              ))}
              {all &&
                same.map(([setting, value]) => (
                  <tr key={setting}>
                    <th scope="row">{setting}</th>
                    {runs.map((run) => (
                      <td key={run} class="quiet-text">
                        {cell(value)}
                      </td>
                    ))}
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function FigureTable({ rows, runs }: { rows: readonly FigureRow[]; runs: readonly string[] }) {
  if (rows.length === 0) return null;
  return (
    <section>
      <h2>Figures</h2>
      <div class="scroll-x">
        <table class="cells sides-table">
          <Heads runs={runs} first="Figure" />
          <tbody>
            {rows.map((row) => (
              <tr key={row.figure}>
                <th scope="row">{row.figure}</th>
                {runs.map((run, index) => {
                  const difference = row.change[index] ?? null;
                  const known = index > 0 && difference !== null && Number.isFinite(numeric(difference));
                  return (
                    <td key={run} class="number">
                      {cell(row.values[index] ?? null)}
                      {known && <span class="change">{change(difference)}</span>}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function SideBySide({ row, runs, group }: { row: EvidenceRow; runs: readonly string[]; group: string }) {
  const extent = useMemo(() => commonExtent(row.evidence), [row]);
  return (
    <section class="card">
      <h3>{row.title}</h3>
      <div class="beside">
        {runs.map((run, index) => {
          const evidence = row.evidence[index];
          return (
            <div key={run}>
              <p class="side-name">
                <Badge index={index} /> {run}
              </p>
              {evidence ? (
                <EvidenceView evidence={evidence} group={group} extent={extent} tint={index} />
              ) : (
                <p class="state">Not seen in this run</p>
              )}
            </div>
          );
        })}
      </div>
    </section>
  );
}
