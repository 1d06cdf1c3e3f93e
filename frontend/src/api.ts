/** Where documents come from: the server's routes, or the data that a self-contained HTML report carries. */
import { language, t } from "./language";
import type {
  CauseDocument,
  Comparison,
  ComparisonDocument,
  LayersDocument,
  Ranked,
  Report,
  ReportDocument,
  RootCause,
  RunEntry,
  RunsDocument,
} from "./wire";

export type Format = "json" | "markdown" | "html";

export interface Source {
  /** Whether asking again may give another answer. */
  readonly live: boolean;
  runs(): Promise<string>;
  /**
   * The run's report. A server's names its heat maps and leaves them empty: they come with `layers`.
   * `roles`: the tags that the user put into roles.
   */
  report(run: string, roles?: Readonly<Record<string, string>>): Promise<string>;
  layers(run: string): Promise<string>;
  /** The comparison. A server's leaves out the heat maps by layer: they come with `layers` of each run. */
  compare(runs: readonly string[], roles?: Readonly<Record<string, string>>): Promise<string>;
  cause(id: string): Promise<string>;
  /** What causes and signals are called in the present language. */
  names(): Promise<string>;
  /** Whether these runs can be compared. */
  comparable(runs: readonly string[]): boolean;
  /** Whether the catalogue's page of this cause is at hand. */
  explains(id: string): boolean;
  exported(run: string, format: Format): string | null;
}

interface Embedded {
  readonly reports: readonly ReportDocument[];
  readonly comparison: ComparisonDocument | null;
  readonly causes: Readonly<Record<string, CauseDocument>>;
  /** The language of the report's texts. */
  readonly language: string;
  readonly names: Readonly<Record<string, string>>;
}

function query(name: string, values: readonly string[]): string {
  return values.map((value) => `${name}=${encodeURIComponent(value)}`).join("&");
}

/** The part of a question that asks for texts in the present language. */
function spoken(): string {
  return language.get() === "en" ? "" : `&lang=${language.get()}`;
}

function chosen(roles: Readonly<Record<string, string>>): string {
  return Object.entries(roles)
    .map(([role, tag]) => `&${role}=${encodeURIComponent(tag)}`)
    .join("");
}

/** Nobody answered: it may help to ask again. */
export class Unreachable extends Error {}

async function text(url: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new Unreachable(t("TensorBoard does not answer. Is it still running?"));
  }
  const body = await response.text();
  if (!response.ok) throw new Error(reason(body) ?? t("The server answered {status}.", { status: response.status }));
  return body;
}

/** The sentence of an ErrorDocument, or null for any other answer. */
function reason(body: string): string | null {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return typeof error === "string" ? error : null;
  } catch {
    return null;
  }
}

export const server: Source = {
  live: true,
  runs: () => text(`./runs${spoken().replace("&", "?")}`),
  report: (run, roles = {}) => text(`./report?${query("run", [run])}&without=layers${chosen(roles)}${spoken()}`),
  layers: (run) => text(`./layers?${query("run", [run])}${spoken()}`),
  compare: (runs, roles = {}) => text(`./compare?${query("run", runs)}&without=layers${chosen(roles)}${spoken()}`),
  cause: (id) => text(`./cause?${query("id", [id])}${spoken()}`),
  names: () => text(`./names${spoken().replace("&", "?")}`),
  comparable: () => true,
  explains: () => true,
  exported: (run, format) => `./export?${query("run", [run])}&format=${format}${spoken()}`,
};

const SPARK = 60;

function brief({ cause, title, confidence, severity }: Ranked): RootCause {
  return { cause, title, confidence, severity };
}

/** A report's line in the list of runs, as the server would make it. */
function entry(report: Report, document: ReportDocument): RunEntry {
  const loud = report.findings.filter((each) => each.severity !== "info");
  const [root] = loud;
  const loss = report.losses?.lines[0]?.series.values ?? [];
  const stride = Math.max(1, Math.ceil(loss.length / SPARK));
  return {
    run: report.run,
    status: document.status,
    revision: document.revision,
    message: "",
    verdict: report.verdict,
    headline: report.headline,
    root: root ? brief(root) : null,
    causes: loud.filter((each) => each.role !== "consequence").map(brief),
    figures: report.figures,
    settings: report.settings,
    spark: loss.filter((_, index) => index % stride === 0),
    updated: report.updated,
    closed: report.closed,
  };
}

function same(comparison: Comparison, runs: readonly string[]): boolean {
  return comparison.runs.length === runs.length && comparison.runs.every((run, index) => run === runs[index]);
}

/** A source for the documents inside the page itself. */
export function embedded(data: Embedded): Source {
  const pairs = data.reports.flatMap((document) => document.runs.map((report) => ({ report, document })));
  const answer = async (found: unknown, missing: string) => {
    if (!found) throw new Error(missing);
    return JSON.stringify(found);
  };
  const runs: RunsDocument = {
    runs: pairs.map(({ report, document }) => entry(report, document)),
    loading: false,
    message: "",
    logdir: "",
    schema: data.reports[0]?.schema ?? 1,
    tool: data.reports[0]?.tool ?? "",
  };
  return {
    live: false,
    runs: () => answer(runs, ""),
    report: (run) => {
      const pair = pairs.find(({ report }) => report.run === run);
      return answer(pair && { ...pair.document, runs: [pair.report] }, t("This run is not part of this report."));
    },
    layers: (run) => {
      const pair = pairs.find(({ report }) => report.run === run);
      const layers: LayersDocument | undefined = pair && {
        layers: pair.report.layers,
        revision: pair.document.revision,
        schema: pair.document.schema,
        tool: pair.document.tool,
      };
      return answer(layers, t("This run is not part of this report."));
    },
    compare: (wanted) => {
      const kept = data.comparison && same(data.comparison.comparison, wanted) ? data.comparison : null;
      return answer(kept, t("This comparison is not part of this report."));
    },
    cause: (id) => answer(data.causes[id], t("The page of this cause is not part of this report.")),
    names: () => answer({ names: data.language === language.get() ? data.names : {} }, ""),
    comparable: (wanted) => data.comparison !== null && same(data.comparison.comparison, wanted),
    explains: (id) => id in data.causes,
    exported: () => null,
  };
}

/** The data of a self-contained report, or null where the page is TensorBoard's. */
export function embeddedData(page: Document = document): Embedded | null {
  const element = page.getElementById("lossdiag-data");
  return element ? (JSON.parse(element.textContent ?? "") as Embedded) : null;
}

/** The runs of the comparison that a self-contained report carries. */
export function embeddedRuns(data: Embedded): { all: string[]; compared: readonly string[] } {
  return {
    all: data.reports.flatMap((document) => document.runs.map((report) => report.run)),
    compared: data.comparison?.comparison.runs ?? [],
  };
}
