/** One run's report: what is wrong, why we believe it, what to change. */

import type { ComponentChildren } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { goTo, useKept } from "../address";
import type { Format, Source } from "../api";
import { CurveView } from "../evidence/curve";
import { withSteps } from "../evidence/lines";
import { type Axis, axes, RulerContext, ruler } from "../evidence/ruler";
import { enumerated, named, rich, type Text, t, word } from "../language";
import { Code, Failure, Fold, Icon, Loading, Stale, Sureness, VerdictChip, ViewLink } from "../parts";
import { useDocument } from "../resource";
import { isLive } from "../runs/clock";
import { cell, digits, figure, numeric, titled } from "../text";
import type { Curve, Mark, NotChecked, Num, Reference, Report, ReportDocument } from "../wire";
import { type Chain, cardId, chains, FindingCard, focusOn } from "./finding";
import { LayerMaps } from "./layers";
import { Announcements, Freshness } from "./live";
import { RunPicker } from "./picker";
import { RolePicker, useRoles } from "./roles";
import { useRuns } from "./runs";

const ASK_AGAIN = 1500; // milliseconds between questions while this run is being read

const FOLLOW = 5000; // milliseconds between questions while this run is being written

/** After how long to ask again: soon while it is read, now and then while it is written, else when TensorBoard reloads. */
function pauseAfter({ runs, status }: ReportDocument): number | null {
  if (status === "reading") return ASK_AGAIN;
  const { updated = null, closed = null } = runs[0] ?? {};
  return updated !== null && isLive(numeric(updated), Date.now() / 1000, closed) ? FOLLOW : null;
}

export function RunView({ run, source }: { run: string; source: Source }) {
  const roles = useRoles();
  const { data, error, loading, retry } = useDocument<ReportDocument>(
    `report ${run} ${JSON.stringify(roles)}`,
    () => source.report(run, roles),
    (document) => (source.live ? pauseAfter(document) : null),
  );
  const report = data?.runs[0];
  return (
    <article class="run">
      <Trail run={run} source={source} />
      {!report && <h1 class="sr">{run}</h1>}
      {loading && <Loading what={t("Reading {run}", { run })} />}
      {data && <Stale message={error} retry={retry} />}
      {!data && error !== null && (
        <Failure message={error} retry={retry}>
          <button type="button" class="quiet" onClick={() => goTo({ name: "runs" })}>
            {t("Show all runs")}
          </button>
        </Failure>
      )}
      {data?.status === "reading" && (
        <p class="banner" role="status">
          <span class="spinner" aria-hidden="true" />
          {t("This run is still being read: what follows may change.")}
        </p>
      )}
      <Announcements report={report} />
      {report && <ReportBody report={report} source={source} />}
    </article>
  );
}

/** Where we are, the way back, and the way to another run or beside one. */
function Trail({ run, source }: { run: string; source: Source }) {
  const { data } = useRuns(source, true);
  const roles = useRoles();
  const others = (data?.runs ?? []).map((each) => each.run).filter((each) => each !== run);
  const partners = others.filter((other) => source.comparable([run, other]));
  return (
    <nav class="trail" aria-label={t("Runs")}>
      {(source.live || others.length > 0) && (
        <>
          <button type="button" class="link" aria-keyshortcuts="u" onClick={() => goTo({ name: "runs" })}>
            {t("Runs")}
          </button>
          <span aria-hidden="true">/</span>
        </>
      )}
      {others.length > 0 ? (
        <RunPicker label={t("Run")} runs={[run, ...others]} chosen={(each) => goTo({ name: "run", run: each })} />
      ) : (
        <b>{run}</b>
      )}
      {partners.length > 0 && (
        <RunPicker
          label={t("Compare with another run")}
          prompt={t("Compare with …")}
          runs={partners}
          chosen={(other) => goTo({ name: "compare", runs: [run, other] }, roles)}
        />
      )}
      <Exports run={run} source={source} />
    </nav>
  );
}

function Exports({ run, source }: { run: string; source: Source }) {
  const formats: readonly (readonly [Format, string])[] = [
    ["json", "JSON"],
    ["markdown", "Markdown"],
    ["html", "HTML"],
  ];
  if (source.exported(run, "json") === null) return null;
  return (
    <span class="exports">
      {t("Export")}{" "}
      {formats.map(([format, label]) => (
        <a key={format} href={source.exported(run, format) ?? ""} download>
          {label}
        </a>
      ))}
    </span>
  );
}

function ReportBody({ report, source }: { report: Report; source: Source }) {
  const group = `run ${report.run}`;
  const nested = useMemo(() => chains(report.findings), [report]);
  const [axis] = useKept("axis");
  const measure = useMemo(() => ruler(report.clock, axis), [report.clock, axis]);
  return (
    <RulerContext.Provider value={measure}>
      <header class="headline">
        <h1>{report.headline}</h1>
        <p class="verdict">
          <VerdictChip verdict={report.verdict} />
          <span>{report.verdict.summary}</span>
          <Sureness confidence={report.verdict.confidence} />
          {source.live && <Freshness report={report} />}
        </p>
        <FirstStep nested={nested} />
        {report.reference && <Beside reference={report.reference} report={report} source={source} />}
      </header>
      {report.warnings.map((warning) => (
        <p key={warning} class="banner">
          <Icon name="warning" />
          {warning}
        </p>
      ))}
      <div class="columns">
        <div class="overview">
          <Figures figures={report.figures} />
          <Losses report={report} group={group} />
        </div>
        <div class="details">
          <section class="findings" aria-label={t("Findings")}>
            <h2>{t(nested.length ? "Why" : "Nothing found")}</h2>
            {nested.length === 0 && <NothingFound report={report} />}
            {nested.map((chain, index) => (
              <FindingCard
                key={chain.finding.cause}
                chain={chain}
                group={group}
                source={source}
                report={report}
                open={index === 0 || chain.finding.role === "root"}
              />
            ))}
          </section>
          <Undecided report={report} />
        </div>
      </div>
      <Layers report={report} source={source} group={group} />
      <Missing entries={report.not_checked} />
      {report.checked.length > 0 && (
        <Fold name="clear" title={<h2>{t("Checked and clear ({n})", { n: report.checked.length })}</h2>}>
          <ul class="clear">
            {report.checked.map((cause) => (
              <li key={cause}>
                <Icon name="good" />
                {titled(cause)}
              </li>
            ))}
          </ul>
        </Fold>
      )}
      <Fold name="settings" title={<h2>{t("Settings and sources")}</h2>}>
        <Settings report={report} live={source.live} />
      </Fold>
    </RulerContext.Provider>
  );
}

/** The change to try first, where one glance finds it. */
function FirstStep({ nested }: { nested: readonly Chain[] }) {
  const first = nested.find(({ finding }) => finding.severity !== "info" && finding.remedies.length > 0)?.finding;
  const remedy = first?.remedies[0];
  if (!first || !remedy) return null;
  return (
    <p class="first-step">
      <b>{t("Try first")}</b>
      <button type="button" class="link" onClick={() => focusOn(cardId(first.cause))}>
        {remedy.action}
      </button>
    </p>
  );
}

/** The best run of the same experiment, and the way to see both side by side. */
function Beside({ reference, report, source }: { reference: Reference; report: Report; source: Source }) {
  const roles = useRoles();
  const pair = [report.run, reference.run];
  return (
    <p class="sibling">
      {reference.summary}{" "}
      {source.comparable(pair) && (
        <ViewLink view={{ name: "compare", runs: pair }} kept={roles}>
          {t("Side by side")}
        </ViewLink>
      )}
    </p>
  );
}

function Layers({ report, source, group }: { report: Report; source: Source; group: string }) {
  if (report.layers.length > 0) {
    return (
      <Fold name="layers" title={<h2 id="layers">{t("Layer by layer")}</h2>}>
        <LayerMaps report={report} source={source} group={group} />
      </Fold>
    );
  }
  return (
    <Fold name="layers" title={<h2 id="layers">{t("Layer by layer: not logged")}</h2>}>
      <p>{t("Nothing was logged of single layers. One line before the training does it:")}</p>
      <Code>writer.watch(model, optimizer, loss_fn)</Code>
    </Fold>
  );
}

/** The losses, and below them the learning rate where it changed. */
function Losses({ report, group }: { report: Report; group: string }) {
  const losses = useMemo(() => report.losses && lossCurve(report, report.losses), [report]);
  const kept = useRef<ReadonlySet<Mark>>(new Set());
  useMemo(() => {
    const said = new Set(report.losses?.marks.map((mark) => mark.label));
    kept.current = new Set(losses?.marks.filter((mark) => mark.kind === "step" && said.has(mark.label)));
  }, [losses]);
  if (!losses) return <NoLosses />;
  return (
    <>
      <CurveView
        curve={losses}
        group={group}
        height={280}
        smoothable
        quiet={kept.current}
        controls={<AxisChoice report={report} />}
      />
      {report.schedule && <CurveView curve={report.schedule} group={group} height={110} />}
    </>
  );
}

const AXES = { step: "steps", epoch: "epochs", time: "time" } as const satisfies Record<Axis, Text>;

function AxisChoice({ report }: { report: Report }) {
  const [zoom, setZoom] = useKept("zoom");
  const [axis, setAxis] = useKept("axis");
  const known = axes(report.clock);
  return (
    <>
      {zoom !== null && (
        <button type="button" class="quiet" aria-keyshortcuts="0" onClick={() => setZoom(null)}>
          {t("Show all")}
        </button>
      )}
      {known.length > 1 && (
        <select
          aria-label={t("Horizontal axis")}
          aria-keyshortcuts="x"
          value={known.find((each) => each === axis) ?? "step"}
          onChange={(event) => setAxis(event.currentTarget.value === "step" ? null : event.currentTarget.value)}
        >
          {known.map((each) => (
            <option key={each} value={each}>
              {t(AXES[each])}
            </option>
          ))}
        </select>
      )}
    </>
  );
}

/** The loss curves with the verdict's stretch and the step at which each finding began. */
function lossCurve(report: Report, losses: Curve): Curve {
  const { id, steps } = report.verdict;
  const marked = losses.marks.some((mark) => mark.kind === "stretch");
  const stretch = { kind: "stretch", label: titled(id), at: steps[0], to: steps[1] } as const;
  const marks = losses.marks.map((mark) =>
    mark.kind === "stretch" && mark.label === id ? { ...mark, label: titled(id) } : mark,
  );
  const named = (at: number, label: string) =>
    marks.some((mark) => mark.kind === "stretch" && numeric(mark.at) === at && mark.label === label);
  const onsets = report.findings.flatMap(({ since, title }) =>
    since === null || named(since, title) ? [] : [{ at: since, label: title }],
  );
  return { ...losses, marks: withSteps(marked ? marks : [...marks, stretch], onsets) };
}

function Figures({ figures }: { figures: Readonly<Record<string, Num>> }) {
  const entries = Object.entries(figures);
  if (entries.length === 0) return null;
  return (
    <dl class="figures">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{word(name)}</dt>
          <dd class="number">{figure(name, value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function NoLosses() {
  return (
    <section class="empty">
      <p>{t("No loss was found in this run, so nothing can be said about its curve. Log one:")}</p>
      <Code>writer.add_scalar("loss/train", loss.item(), step)</Code>
    </section>
  );
}

function NothingFound({ report }: { report: Report }) {
  const open = report.not_checked.length;
  return (
    <p class="lead">
      {t("{n} {n|cause|causes} checked, none found.", { n: report.checked.length })}
      {open > 0 &&
        ` ${t("{n} {n|cause|causes} could not be checked with what was logged: see below for the lines to add.", { n: open })}`}
    </p>
  );
}

function Undecided({ report }: { report: Report }) {
  if (report.undecided.length === 0) return null;
  return (
    <section class="undecided">
      <h2>{t("Undecided")}</h2>
      {report.undecided.map((each) => (
        <div key={each.causes.join()} class="card">
          <p>
            {rich("What was logged cannot tell between {causes}. Missing: {what}. This would decide it:", {
              causes: listed(each.causes),
              what: enumerated(each.missing.map(named)),
            })}
          </p>
          <Code>{each.log}</Code>
        </div>
      ))}
    </section>
  );
}

/** Each of these in bold, as part of a sentence. */
function listed(causes: readonly string[]): ComponentChildren[] {
  return causes.map((cause, index) => (
    <>
      {index > 0 && (index === causes.length - 1 ? t(" and ") : t(", "))}
      <b>{titled(cause)}</b>
    </>
  ));
}

/** What could not be checked, by the line that would make it possible: one line often opens several causes. */
function Missing({ entries }: { entries: readonly NotChecked[] }) {
  if (entries.length === 0) return null;
  const byLine = new Map<string, NotChecked[]>();
  for (const entry of entries) byLine.set(entry.log, [...(byLine.get(entry.log) ?? []), entry]);
  return (
    <Fold name="missing" title={<h2>{t("Not checked ({n})", { n: entries.length })}</h2>}>
      {[...byLine].map(([log, causes]) => (
        <div key={log} class="missing">
          <p>
            {causes.map(({ cause, needs }) => (
              <span key={cause} class="missing-cause">
                <b>{titled(cause)}</b>{" "}
                <span class="quiet-text">{t("needs {what}", { what: enumerated(needs.map(named)) })}</span>
              </span>
            ))}
          </p>
          {log && <Code>{log}</Code>}
        </div>
      ))}
    </Fold>
  );
}

function Settings({ report, live }: { report: Report; live: boolean }) {
  const { points, sampled } = report.resolution;
  return (
    <div class="settings">
      <Pairs title={t("Settings")} pairs={Object.entries(report.settings)} />
      <Pairs title={t("Taken from")} pairs={Object.entries(report.sources)} />
      {live && <RolePicker report={report} />}
      <p class="quiet-text">
        {sampled
          ? t(
              "{n} {n|point|points} of the longest loss curve read, a sample that TensorBoard took: short events may be missing.",
              {
                n: digits(points),
              },
            )
          : t("{n} {n|point|points} of the longest loss curve read, all of them.", { n: digits(points) })}
      </p>
    </div>
  );
}

function Pairs({ title, pairs }: { title: string; pairs: readonly (readonly [string, string | Num])[] }) {
  if (pairs.length === 0) return null;
  return (
    <table class="cells pairs">
      <caption>{title}</caption>
      <tbody>
        {pairs.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{word(name)}</th>
            <td>{cell(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
