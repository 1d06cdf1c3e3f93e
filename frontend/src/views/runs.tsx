/** The list of runs: which are sick, with what, and how sure. */

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo } from "preact/hooks";
import { go, goTo, place } from "../address";
import type { Source } from "../api";
import { rich, type Text, t, word } from "../language";
import { Code, Failure, Icon, Loading, Stale } from "../parts";
import { type Resource, useDocument } from "../resource";
import { described } from "../runs/conditions";
import { asked, columnsOf, passing, picked, sorted, tester } from "../runs/matching";
import { Menu } from "../runs/menu";
import { Overview } from "../runs/overview";
import {
  addressed,
  change,
  chosen,
  followHostFilter,
  fromText,
  hostFilter,
  type ListState,
  lifted,
  list,
  type State,
  stateOf,
  toText,
  WHOLE,
} from "../runs/state";
import { RunTable } from "../runs/table";
import "../runs/runs.css";
import { useStore } from "../store";
import { digits, titled } from "../text";
import type { RunEntry, RunsDocument } from "../wire";

const ASK_AGAIN = 1000; // milliseconds between questions while runs are being read
const MOST_COMPARED = 8;

export const GETTING_STARTED = `from tb_lossdiag import DiagWriter

writer = DiagWriter("runs/baseline")
writer.watch(model, optimizer, loss_fn)`;

/** The list of runs, asked for again while something is still being read. `content` as for any document. */
export function useRuns(source: Source, content = false): Resource<RunsDocument> {
  const again = (document: RunsDocument) =>
    source.live && (document.loading || document.runs.some((run) => run.status === "reading")) ? ASK_AGAIN : null;
  return useDocument<RunsDocument>("runs", source.runs, again, content);
}

export function RunsView({ source, address }: { source: Source; address: string | undefined }) {
  const { data, error, loading, retry } = useRuns(source);
  useLayoutEffect(() => {
    if (address !== undefined && address !== toText(list.get())) list.set(fromText(address));
    else if (address === undefined && toText(list.get())) go({ ...place.get(), view: addressed() }, { replace: true });
  }, [address]);
  useEffect(followHostFilter, []);
  if (!data) {
    return (
      <>
        <h1 class="sr">{t("Runs")}</h1>
        {loading ? <Loading what={t("Looking for runs")} /> : <Failure message={error ?? ""} retry={retry} />}
      </>
    );
  }
  return (
    <>
      <Stale message={error} retry={retry} />
      {data.runs.length > 0 ? <RunList document={data} source={source} /> : <NoRuns document={data} />}
    </>
  );
}

function NoRuns({ document }: { document: RunsDocument }) {
  if (document.loading) {
    return (
      <>
        <h1 class="sr">{t("Runs")}</h1>
        <Loading what={document.message || t("Looking for runs")} />
      </>
    );
  }
  return (
    <section class="empty">
      <h1>{t("No runs yet")}</h1>
      <p>
        {document.message || t("There is nothing to diagnose here yet.")}
        {document.logdir && (
          <>
            {" "}
            {rich("Looking in {logdir}; new runs appear here when TensorBoard reloads.", {
              logdir: <code>{document.logdir}</code>,
            })}
          </>
        )}
      </p>
      <p>{t("Add two lines to your training loop:")}</p>
      <Code>{GETTING_STARTED}</Code>
      <p>{t("Or see what it looks like, with seven small networks that are sick in seven ways:")}</p>
      <Code>lossdiag demo</Code>
    </section>
  );
}

function RunList({ document, source }: { document: RunsDocument; source: Source }) {
  const state = useStore(list);
  const host = useStore(hostFilter);
  const isLifted = useStore(lifted);
  const all = document.runs;
  const passed = useMemo(() => passing(all, isLifted ? "" : host), [all, host, isLifted]);
  const pool = useMemo(() => asked(passed, state), [passed, state.text, state.where]);
  const found = useMemo(() => picked(pool, state), [pool, state.states, state.verdict, state.cause]);
  const rows = useMemo(() => sorted(found, state.column, state.descending), [found, state.column, state.descending]);
  const columns = useMemo(() => columnsOf(all, state.columns), [all, state.columns]);
  const compared = useStore(chosen).filter((run) => all.some((each) => each.run === run));
  const ready = all.filter((run) => run.status !== "reading").length;
  return (
    <section class="runs">
      <header class="runs-head">
        <h1>{t("Runs")}</h1>
        <States runs={pool} state={state} />
        <span class="count" role="status">
          {rows.length === all.length
            ? t("{n} {n|run|runs} shown", { n: digits(rows.length) })
            : t("{n} of {all} {all|run|runs} shown", { n: digits(rows.length), all: digits(all.length) })}
        </span>
      </header>
      {document.message && <p class="banner">{document.message}</p>}
      {ready < all.length && (
        <p class="progress" role="status">
          <progress max={all.length} value={ready} aria-label={t("Runs read")} />
          {t("Read {n} of {all} {all|run|runs}", { n: digits(ready), all: digits(all.length) })}
        </p>
      )}
      {all.length > 1 && <Overview runs={pool} state={state} />}
      <Tools runs={pool} state={state} columns={columns}>
        {compared.length === 0 && <CompareBar source={source} compared={compared} />}
      </Tools>
      <InForce state={state} host={host} isLifted={isLifted} />
      {rows.length === 0 ? (
        <p class="state">
          {state.text ? t("No run matches “{text}”.", { text: state.text }) : t("No run is left by these filters.")}
          <button type="button" class="quiet" onClick={showAll}>
            {t("Show all")}
          </button>
        </p>
      ) : (
        <RunTable rows={rows} columns={columns.shown} order={state} selectable={source.live || all.length > 1} />
      )}
      {compared.length > 0 && <CompareBar source={source} compared={compared} />}
    </section>
  );
}

function showAll(): void {
  const { column, descending, columns } = list.get();
  change({ ...WHOLE, column, descending, columns });
  lifted.set(true);
}

const STATES = [
  ["error", "with an error"],
  ["warning", "with a warning"],
  ["unknown", "undecided"],
  ["good", "healthy"],
] as const satisfies readonly (readonly [State, Text])[];

/** How many runs are in which state, worst first; each is a filter. */
function States({ runs, state }: { runs: readonly RunEntry[]; state: ListState }) {
  const states = runs.map(stateOf);
  const count = (wanted: State) => states.filter((each) => each === wanted).length;
  const toggled = (each: State) =>
    state.states.includes(each) ? state.states.filter((other) => other !== each) : [...state.states, each];
  return (
    <fieldset class="tally">
      <legend class="sr">{t("Show only runs that are")}</legend>
      {STATES.filter(([each]) => count(each) > 0 || state.states.includes(each)).map(([each, words]) => (
        <button
          type="button"
          key={each}
          class="quiet facet"
          aria-pressed={state.states.includes(each)}
          onClick={() => change({ states: toggled(each) })}
        >
          <Icon name={each} /> {count(each)} {t(words)}
        </button>
      ))}
    </fieldset>
  );
}

const SORTABLE = [
  ["", "as they come"],
  ["run", "Run"],
  ["verdict", "Verdict"],
  ["cause", "Root cause"],
  ["written", "Written"],
] as const;

function Tools({
  runs,
  state,
  columns,
  children,
}: {
  runs: readonly RunEntry[];
  state: ListState;
  columns: ReturnType<typeof columnsOf>;
  children: ComponentChildren;
}) {
  const verdicts = counted(runs.flatMap((run) => (run.verdict ? [[run.verdict.id, titled(run.verdict.id)]] : [])));
  const causes = counted(runs.flatMap((run) => run.causes.map(({ cause, title }) => [cause, title])));
  const literal = tester(state.text).literal;
  return (
    <search class="tools" aria-label={t("Runs")}>
      <input
        type="search"
        placeholder={t("Filter: name, verdict, cause, lr=0.1 …")}
        title={t("A regular expression, looked for in names, verdicts, causes and settings")}
        aria-label={t("Filter runs")}
        value={state.text}
        onInput={(event) => change({ text: event.currentTarget.value })}
      />
      <Choice label={t("Verdict")} all={t("Any verdict")} value={state.verdict} options={verdicts} name="verdict" />
      <Choice label={t("Cause")} all={t("Any cause")} value={state.cause} options={causes} name="cause" />
      <label class="sort-by">
        {t("Sort by")}{" "}
        <select value={state.column} onChange={(event) => change({ column: event.currentTarget.value })}>
          {[
            ...SORTABLE.map(([value, label]) => [value, t(label)] as const),
            ...columns.shown.map((name) => [name, word(name.replace(/^=/, ""))] as const),
          ].map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <ColumnMenu columns={columns} />
      {literal && <span class="note">{t("Not a regular expression: looked for as it stands.")}</span>}
      {children}
    </search>
  );
}

function Choice(props: {
  label: string;
  all: string;
  value: string;
  options: readonly (readonly [string, string, number])[];
  name: "verdict" | "cause";
}) {
  const { label, all, value, options, name } = props;
  const known = options.some(([id]) => id === value);
  return (
    <select aria-label={label} value={value} onChange={(event) => change({ [name]: event.currentTarget.value })}>
      <option value="">{all}</option>
      {!known && value && <option value={value}>{titled(value)} (0)</option>}
      {options.map(([id, title, count]) => (
        <option key={id} value={id}>
          {title} ({count})
        </option>
      ))}
    </select>
  );
}

/** Each id with its title and how often it occurs, most frequent first. */
function counted(found: readonly (readonly string[])[]): readonly (readonly [string, string, number])[] {
  const counts = new Map<string, [string, string, number]>();
  for (const [id = "", title = ""] of found) {
    const known = counts.get(id);
    if (known) known[2] += 1;
    else counts.set(id, [id, title, 1]);
  }
  return [...counts.values()].sort((a, b) => b[2] - a[2]);
}

function ColumnMenu({ columns }: { columns: ReturnType<typeof columnsOf> }) {
  const { figures, settings, shown } = columns;
  const toggle = (name: string) =>
    change({ columns: shown.includes(name) ? shown.filter((each) => each !== name) : [...shown, name] });
  const boxes = (names: readonly string[], title: string) =>
    names.length > 0 && (
      <fieldset>
        <legend>{title}</legend>
        {names.map((name) => (
          <label key={name}>
            <input type="checkbox" checked={shown.includes(name)} onChange={() => toggle(name)} />{" "}
            {word(name.replace(/^=/, ""))}
          </label>
        ))}
      </fieldset>
    );
  return (
    <Menu label={t("Columns")}>
      {boxes(figures, t("Figures"))}
      {boxes(settings, t("Settings"))}
      <button type="button" class="quiet" onClick={() => change({ columns: null })}>
        {t("As at first")}
      </button>
    </Menu>
  );
}

/** Filters that are in force without being seen in a field: each can be lifted. */
function InForce({ state, host, isLifted }: { state: ListState; host: string; isLifted: boolean }) {
  if (!state.where && !host) return null;
  return (
    <p class="in-force">
      {host && (
        <button type="button" class="facet" aria-pressed={!isLifted} onClick={() => lifted.set(!isLifted)}>
          {t("TensorBoard’s run filter:")} <code>{host}</code>
        </button>
      )}
      {state.where && (
        <button type="button" class="facet" aria-pressed="true" onClick={() => change({ where: null })}>
          {described(state.where)}
        </button>
      )}
    </p>
  );
}

/** What was chosen for comparison, wherever in the list it is. */
function CompareBar({ source, compared: present }: { source: Source; compared: readonly string[] }) {
  const enough = present.length > 1 && present.length <= MOST_COMPARED;
  const possible = enough && source.comparable(present);
  const hint =
    enough && !possible
      ? t("This report does not hold that comparison.")
      : t("Choose 2 to {most} runs to compare; the first one is the baseline.", { most: MOST_COMPARED });
  return (
    <div class={`compare-bar ${present.length > 0 ? "in-use" : ""}`}>
      <ul>
        {present.map((run, index) => (
          <li key={run}>
            <button
              type="button"
              class="quiet"
              title={t("Do not compare {run}", { run })}
              onClick={() => chosen.set(present.filter((each) => each !== run))}
            >
              {run}
              {index === 0 && <span class="quiet-text"> ({t("baseline")})</span>} <span aria-hidden="true">×</span>
            </button>
          </li>
        ))}
      </ul>
      {!possible && present.length > 0 && <span class="note">{hint}</span>}
      {present.length > 0 && (
        <button type="button" class="quiet" onClick={() => chosen.set([])}>
          {t("Clear")}
        </button>
      )}
      <button
        type="button"
        class="primary"
        disabled={!possible}
        title={possible ? t("Side by side, the first chosen run is the baseline") : hint}
        onClick={() => goTo({ name: "compare", runs: present })}
      >
        {present.length > 1 ? t("Compare {n} runs", { n: present.length }) : t("Compare runs")}
      </button>
    </div>
  );
}
