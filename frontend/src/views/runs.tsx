/** The list of runs: which are sick, with what, and how sure. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { goTo } from "../address";
import type { Source } from "../api";
import { hostRunFilter } from "../host";
import { Code, Failure, Icon, Loading, SeverityMark, Stale, Sureness, VerdictChip } from "../parts";
import { type Resource, useDocument } from "../resource";
import { type Store, store, useStore } from "../store";
import { ago, figure, numeric, plural, tone } from "../text";
import type { RunEntry, RunsDocument, Severity } from "../wire";
import { Spark } from "./spark";

const ASK_AGAIN = 1000; // milliseconds between questions while runs are being read
const MOST_FIGURES = 3;
const MOST_COMPARED = 8;
const WINDOWED_FROM = 150; // rows from which only those near the screen are drawn
const SPARE = 12; // rows drawn above and below the screen

export const GETTING_STARTED = `from tb_lossdiag import DiagWriter

writer = DiagWriter("runs/baseline")
writer.watch(model, optimizer, loss_fn)`;

/** The list of runs, asked for again while something is still being read. */
export function useRuns(source: Source): Resource<RunsDocument> {
  return useDocument<RunsDocument>("runs", source.runs, (document) =>
    source.live && (document.loading || document.runs.some((run) => run.status === "reading")) ? ASK_AGAIN : null,
  );
}

interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

// Kept outside the component: coming back to the list finds it as it was left.
const filter: Store<string | null> = store<string | null>(null);
const sorting = store<Sorting>({ column: "", descending: false });
const chosen = store<readonly string[]>([]);

/** The list as on the first visit. */
export function resetList(): void {
  filter.set(null);
  sorting.set({ column: "", descending: false });
  chosen.set([]);
}

export function RunsView({ source }: { source: Source }) {
  const { data, error, loading, retry } = useRuns(source);
  if (loading) return <Loading what="Looking for runs" />;
  if (!data) return <Failure message={error ?? ""} retry={retry} />;
  return (
    <>
      <Stale message={error} retry={retry} />
      {data.runs.length > 0 ? <RunList document={data} source={source} /> : <NoRuns document={data} />}
    </>
  );
}

function NoRuns({ document }: { document: RunsDocument }) {
  if (document.loading) return <Loading what={document.message || "Looking for runs"} />;
  return (
    <section class="empty">
      <h1>No runs yet</h1>
      <p>
        {document.message || "There is nothing to diagnose here yet."}
        {document.logdir && (
          <>
            {" "}
            Looking in <code>{document.logdir}</code>; new runs appear here when TensorBoard reloads.
          </>
        )}
      </p>
      <p>Add two lines to your training loop:</p>
      <Code>{GETTING_STARTED}</Code>
      <p>Or see what it looks like, with seven small networks that are sick in seven ways:</p>
      <Code>lossdiag demo</Code>
    </section>
  );
}

function RunList({ document, source }: { document: RunsDocument; source: Source }) {
  const typed = useStore(filter);
  const { column, descending } = useStore(sorting);
  const picked = useStore(chosen);
  const wanted = typed ?? hostRunFilter();
  const figures = useMemo(() => figureNames(document.runs), [document]);
  const found = useMemo(() => matching(document.runs, wanted), [document, wanted]);
  const rows = useMemo(() => sorted(found, column, descending), [found, column, descending]);
  const present = picked.filter((run) => document.runs.some((each) => each.run === run));
  const ready = document.runs.filter((run) => run.status !== "reading").length;
  return (
    <section class="runs">
      <header class="runs-head">
        <h1>Runs</h1>
        <Tally runs={document.runs} />
        <input
          type="search"
          placeholder="Filter by run, verdict or cause"
          aria-label="Filter runs"
          value={wanted}
          onInput={(event) => filter.set(event.currentTarget.value)}
        />
        <CompareButton source={source} picked={present} />
      </header>
      {document.message && <p class="banner">{document.message}</p>}
      {ready < document.runs.length && (
        <p class="progress" role="status">
          <progress max={document.runs.length} value={ready} aria-label="Runs read" />
          Read {ready} of {plural(document.runs.length, "run")}
        </p>
      )}
      <p class="sr" aria-live="polite">
        {plural(rows.length, "run")} shown
      </p>
      {rows.length === 0 ? (
        <p class="state">
          No run matches “{wanted}”.
          <button type="button" class="quiet" onClick={() => filter.set("")}>
            Show all
          </button>
        </p>
      ) : (
        <Rows rows={rows} figures={figures} picked={present} sorting={{ column, descending }} source={source} />
      )}
    </section>
  );
}

type State = Severity | "good" | "unknown";

/** What a run is counted as: its worst finding, good news, or trouble of unknown cause. */
function state({ root, verdict }: RunEntry): State | null {
  if (root && root.severity !== "info") return root.severity;
  if (!verdict) return null;
  return tone(verdict.id) === "good" ? "good" : "unknown";
}

const STATES: readonly (readonly [State, string])[] = [
  ["error", "with an error"],
  ["warning", "with a warning"],
  ["unknown", "undecided"],
  ["good", "healthy"],
];

/** How many runs are in which state, worst first. */
function Tally({ runs }: { runs: readonly RunEntry[] }) {
  const states = runs.map(state);
  const count = (wanted: State) => states.filter((each) => each === wanted).length;
  return (
    <p class="tally">
      {STATES.filter(([each]) => count(each) > 0).map(([each, words]) => (
        <span key={each}>
          <Icon name={each} /> {count(each)} {words}
        </span>
      ))}
    </p>
  );
}

function CompareButton({ source, picked }: { source: Source; picked: readonly string[] }) {
  const enough = picked.length > 1 && picked.length <= MOST_COMPARED;
  const possible = enough && source.comparable(picked);
  const hint =
    enough && !possible ? "This report does not hold that comparison" : `Choose 2 to ${MOST_COMPARED} runs to compare`;
  return (
    <button
      type="button"
      class="primary"
      disabled={!possible}
      title={possible ? "Side by side, the first chosen run is the baseline" : hint}
      onClick={() => goTo({ name: "compare", runs: picked })}
    >
      {picked.length > 1 ? `Compare ${picked.length} runs` : "Compare runs"}
    </button>
  );
}

/** The figures worth a column: losses first, as many as there is room for. */
function figureNames(runs: readonly RunEntry[]): readonly string[] {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.figures)))].filter(
    (name) => !name.startsWith("step"),
  );
  const losses = names.filter((name) => name.includes("loss"));
  return [...losses, ...names.filter((name) => !losses.includes(name))].slice(0, MOST_FIGURES);
}

function matching(runs: readonly RunEntry[], wanted: string): readonly RunEntry[] {
  const test = tester(wanted);
  return runs.filter((run) =>
    [run.run, run.verdict?.id ?? "", run.root?.title ?? "", run.root?.cause ?? ""].some(test),
  );
}

/** A regular expression like TensorBoard's own filter; text that is none is looked for as it stands. */
function tester(wanted: string): (text: string) => boolean {
  try {
    const expression = new RegExp(wanted, "i");
    return (text) => expression.test(text);
  } catch {
    return (text) => text.toLowerCase().includes(wanted.toLowerCase());
  }
}

const GRAVITY: Record<Severity, number> = { error: 3, warning: 2, info: 1 };

/** What a row is sorted by. */
function key(run: RunEntry, column: string): string | number {
  switch (column) {
    case "run":
      return run.run;
    case "verdict":
      return run.verdict?.id ?? "~";
    case "cause":
      return run.root ? -(10 * GRAVITY[run.root.severity] + numeric(run.root.confidence)) : 0;
    case "written":
      return -numeric(run.updated ?? "NaN");
    default:
      return numeric(run.figures[column] ?? "NaN");
  }
}

function sorted(runs: readonly RunEntry[], column: string, descending: boolean): readonly RunEntry[] {
  if (!column) return runs;
  const names = new Intl.Collator("en", { numeric: true });
  const sign = descending ? -1 : 1;
  return [...runs].sort((a, b) => {
    const [x, y] = [key(a, column), key(b, column)];
    if (typeof x === "string" || typeof y === "string") return sign * names.compare(String(x), String(y));
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)); // unknown comes last
    return sign * (x - y);
  });
}

interface RowsProps {
  readonly rows: readonly RunEntry[];
  readonly figures: readonly string[];
  readonly picked: readonly string[];
  readonly sorting: Sorting;
  readonly source: Source;
}

function Rows({ rows, figures, picked, sorting: by, source }: RowsProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [from, to, height] = useWindow(body, rows.length);
  const heads = [
    ["run", "Run"],
    ["verdict", "Verdict"],
    ["cause", "Root cause"],
    ...figures.map((name) => [name, name]),
    ["", "Loss"],
    ["written", "Written"],
  ] as const;
  return (
    <table class="run-table">
      <thead>
        <tr>
          <th scope="col" class="pick">
            <span class="sr">Compare</span>
          </th>
          {heads.map(([column = "", label = ""]) => (
            <th
              key={label}
              scope="col"
              class={figures.includes(column) ? "number" : undefined}
              aria-sort={column && column === by.column ? (by.descending ? "descending" : "ascending") : undefined}
            >
              {column ? (
                <button type="button" class="sort" onClick={() => sortBy(column)}>
                  {label}
                </button>
              ) : (
                label
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        {from > 0 && <tr style={{ height: `${from * height}px` }} />}
        {rows.slice(from, to).map((run) => (
          <Row key={run.run} run={run} figures={figures} picked={picked} selectable={source.live || rows.length > 1} />
        ))}
        {to < rows.length && <tr style={{ height: `${(rows.length - to) * height}px` }} />}
      </tbody>
    </table>
  );
}

function sortBy(column: string): void {
  const before = sorting.get();
  sorting.set({ column, descending: before.column === column && !before.descending });
}

/** Which rows are near the screen, and how high one is. */
function useWindow(body: { current: HTMLElement | null }, count: number): readonly [number, number, number] {
  const [shown, setShown] = useState({ from: 0, to: WINDOWED_FROM, height: 44 });
  useEffect(() => {
    if (count <= WINDOWED_FROM) return;
    const measure = () => {
      const element = body.current;
      if (!element) return;
      const height = element.querySelector<HTMLElement>("tr[data-run]")?.offsetHeight || 44;
      const first = Math.floor(-element.getBoundingClientRect().top / height) - SPARE;
      const from = Math.max(0, Math.min(first, count - 1));
      setShown({ from, to: Math.min(count, from + Math.ceil(window.innerHeight / height) + 2 * SPARE), height });
    };
    measure();
    window.addEventListener("scroll", measure, { passive: true });
    window.addEventListener("resize", measure);
    return () => {
      window.removeEventListener("scroll", measure);
      window.removeEventListener("resize", measure);
    };
  }, [count]);
  return count <= WINDOWED_FROM ? [0, count, shown.height] : [shown.from, shown.to, shown.height];
}

function Row({
  run,
  figures,
  picked,
  selectable,
}: {
  run: RunEntry;
  figures: readonly string[];
  picked: readonly string[];
  selectable: boolean;
}) {
  const ready = run.status === "ready" || run.verdict !== null;
  return (
    <tr data-run={run.run} class={run.status}>
      <td class="pick">
        <input
          type="checkbox"
          aria-label={`Compare ${run.run}`}
          checked={picked.includes(run.run)}
          disabled={!ready || !selectable}
          onChange={() =>
            chosen.set(picked.includes(run.run) ? picked.filter((each) => each !== run.run) : [...picked, run.run])
          }
        />
      </td>
      <th scope="row" class="run-name">
        <button
          type="button"
          class="link"
          title={run.headline || run.run}
          onClick={() => goTo({ name: "run", run: run.run })}
        >
          {run.run}
        </button>
      </th>
      <td class="run-verdict">
        {run.verdict && <VerdictChip verdict={run.verdict} />}
        {run.status === "reading" && <span class="quiet-text">reading …</span>}
        {run.status === "failed" && <SeverityMark severity="error" />}
      </td>
      <td class="run-cause">
        {run.root ? (
          <>
            <Icon name={run.root.severity} />
            <span class="cause-title">{run.root.title}</span>
            <Sureness confidence={run.root.confidence} words={false} />
          </>
        ) : run.status === "failed" ? (
          run.message
        ) : (
          <span class="quiet-text">{state(run) === "good" ? "none" : run.verdict ? "none found" : ""}</span>
        )}
      </td>
      {figures.map((name) => (
        <td key={name} class="number figure-cell" data-label={name}>
          {run.figures[name] === undefined ? "–" : figure(name, run.figures[name])}
        </td>
      ))}
      <td class="run-spark">
        <Spark values={run.spark} label={`Training loss of ${run.run}`} />
      </td>
      <td class="run-written">{run.updated === null ? "" : <When updated={numeric(run.updated)} />}</td>
    </tr>
  );
}

function When({ updated }: { updated: number }) {
  if (!Number.isFinite(updated)) return null;
  const exact = new Date(1000 * updated);
  return (
    <time dateTime={exact.toISOString()} title={exact.toLocaleString()}>
      {ago(updated, Date.now() / 1000)}
    </time>
  );
}
