// Made by frontend/wire_types.py from the dataclasses of tb_lossdiag. Do not edit: run `python frontend/wire_types.py`.

/** A number as JSON can carry it: `Number()` understands all four. */
export type Num = number | "NaN" | "Infinity" | "-Infinity";

/** What the route `runs` answers. `loading` while runs are still being read; `message` says what the user should know. */
export interface RunsDocument {
  readonly runs: readonly RunEntry[];
  readonly loading: boolean;
  readonly message: string;
  readonly logdir: string;
  readonly schema: number;
  readonly tool: string;
}

/** One run in the list of runs. `spark` is the training loss in at most 60 points; `message` says what failed. */
export interface RunEntry {
  readonly run: string;
  readonly status: Status;
  readonly revision: number;
  readonly message: string;
  readonly verdict: Verdict | null;
  readonly headline: string;
  readonly root: RootCause | null;
  readonly causes: readonly RootCause[];
  readonly figures: Readonly<Record<string, Num>>;
  readonly settings: Readonly<Record<string, string | Num>>;
  readonly spark: readonly Num[];
  readonly updated: Num | null;
  readonly closed: boolean | null;
}

export type Status = "reading" | "ready" | "failed";

/** What the curves do, how sure, and the first and last step that it is about. */
export interface Verdict {
  readonly id: VerdictId;
  readonly confidence: Num;
  readonly steps: readonly [number, number];
  readonly summary: string;
}

export type VerdictId = "learning" | "converged" | "overfitting" | "suspect-data" | "stuck" | "diverging" | "non-finite" | "unstable" | "too-short";

/** The first finding of a run, as the list of runs shows it. */
export interface RootCause {
  readonly cause: string;
  readonly title: string;
  readonly confidence: Num;
  readonly severity: Severity;
}

export type Severity = "error" | "warning" | "info";

/** What `lossdiag diagnose --format json` prints and the route `report` answers (there with one run). */
export interface ReportDocument {
  readonly runs: readonly Report[];
  readonly status: Status;
  readonly revision: number;
  readonly schema: number;
  readonly tool: string;
}

/** The diagnosis of one run. */
export interface Report {
  readonly run: string;
  readonly verdict: Verdict;
  readonly headline: string;
  readonly findings: readonly Ranked[];
  readonly undecided: readonly Undecided[];
  readonly checked: readonly string[];
  readonly not_checked: readonly NotChecked[];
  readonly resolution: Resolution;
  readonly warnings: readonly string[];
  readonly losses: Curve | null;
  readonly layers: readonly Heatmap[];
  readonly schedule: Curve | null;
  readonly clock: Clock | null;
  readonly figures: Readonly<Record<string, Num>>;
  readonly settings: Readonly<Record<string, string | Num>>;
  readonly sources: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly updated: Num | null;
  readonly closed: boolean | null;
  readonly reference: Reference | null;
}

/** A finding in its place: its role among the others, and which of them it explains. */
export interface Ranked {
  readonly cause: string;
  readonly title: string;
  readonly stage: Stage;
  readonly role: Role;
  readonly confidence: Num;
  readonly severity: Severity;
  readonly since: number | null;
  readonly where: readonly string[];
  readonly summary: string;
  readonly explains: readonly string[];
  readonly evidence: readonly Evidence[];
  readonly remedies: readonly Remedy[];
  readonly factor: Num | null;
  readonly wrong_when: string;
  readonly rivals: readonly Rival[];
}

export type Stage = "setup" | "train" | "val" | "test";

export type Role = "root" | "consequence" | "contributing";

export type Evidence = Curve | Bars | Heatmap | Histogram | Table | Fact;

/** Lines over steps, with marks. `scale` says which axis the value has by nature; the page lets the user change it. */
export interface Curve {
  readonly kind: "Curve";
  readonly title: string;
  readonly lines: readonly Line[];
  readonly unit: Unit;
  readonly marks: readonly Mark[];
  readonly scale: "linear" | "log";
}

/** One line of a curve: observed in this run, or a reference that it is judged against. */
export interface Line {
  readonly name: string;
  readonly role: "observed" | "reference";
  readonly series: Series;
}

/** One quantity over training, thinned for the wire: `values[i]` was seen at `steps[i]`. */
export interface Series {
  readonly steps: readonly number[];
  readonly values: readonly Num[];
}

export type Unit = "loss" | "share" | "ratio" | "norm" | "count" | "learning rate" | "step" | "value" | "cosine" | "seconds";

/** Something to point at: a step (`at`), a stretch of steps (`at` to `to`) or a level of the value axis. */
export interface Mark {
  readonly kind: "step" | "stretch" | "level";
  readonly label: string;
  readonly at: Num;
  readonly to: Num | null;
}

/** One number for each label (layers, features, classes), and the level that it is judged against, if any. */
export interface Bars {
  readonly kind: "Bars";
  readonly title: string;
  readonly labels: readonly string[];
  readonly values: readonly Num[];
  readonly unit: Unit;
  readonly threshold: Num | null;
  readonly scale: "linear" | "log";
}

/** A number for each row (layer) and step: `values[row][i]` was seen at `steps[i]`. */
export interface Heatmap {
  readonly kind: "Heatmap";
  readonly title: string;
  readonly rows: readonly string[];
  readonly steps: readonly number[];
  readonly values: readonly (readonly Num[])[];
  readonly unit: Unit;
  readonly scale: "linear" | "log";
}

/** How often values fell between `edges[i]` and `edges[i + 1]`; `marks` are levels on the axis of the edges. */
export interface Histogram {
  readonly kind: "Histogram";
  readonly title: string;
  readonly edges: readonly Num[];
  readonly counts: readonly Num[];
  readonly unit: Unit;
  readonly marks: readonly Mark[];
}

/** Rows of cells below a header; numbers stay numbers. */
export interface Table {
  readonly kind: "Table";
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | Num)[])[];
}

/** One value that speaks for itself, and what it is compared with. */
export interface Fact {
  readonly kind: "Fact";
  readonly title: string;
  readonly value: string | Num;
  readonly unit: Unit;
  readonly reference: string | Num | null;
  readonly note: string;
}

/** A change to make, as code for this run where possible, and what the next run shows if the diagnosis is right. */
export interface Remedy {
  readonly action: string;
  readonly code: string;
  readonly expect: string;
}

/** Another cause of the same symptoms, and what became of it. */
export interface Rival {
  readonly cause: string;
  readonly title: string;
  readonly state: "found" | "weak" | "clear" | "unchecked";
  readonly confidence: Num | null;
  readonly needs: readonly string[];
}

/** Causes that what was logged cannot tell apart, the signals that would, and the line of code that logs them. */
export interface Undecided {
  readonly causes: readonly string[];
  readonly missing: readonly string[];
  readonly log: string;
}

/** A cause that could not be looked for: the signals it needs, and the line of code that logs them. */
export interface NotChecked {
  readonly cause: string;
  readonly needs: readonly string[];
  readonly log: string;
}

/** How much of the log was seen: points of the longest loss curve, and whether TensorBoard had sampled them. */
export interface Resolution {
  readonly points: number;
  readonly sampled: boolean;
}

/** When the steps were: `seconds[i]` after the first point of the loss came `steps[i]`; empty where nobody recorded it. */
export interface Clock {
  readonly steps: readonly number[];
  readonly seconds: readonly Num[];
  readonly steps_per_epoch: Num | null;
}

/** A run of the same experiment that does clearly better: what is possible, and what may make the difference. */
export interface Reference {
  readonly run: string;
  readonly summary: string;
  readonly differs: Readonly<Record<string, readonly [string | Num | null, string | Num | null]>>;
}

/** What the route `layers` answers: a run's heat maps, which are many times as large as the rest of its report. */
export interface LayersDocument {
  readonly layers: readonly Heatmap[];
  readonly revision: number;
  readonly schema: number;
  readonly tool: string;
}

/** What `lossdiag compare --format json` prints and the route `compare` answers. */
export interface ComparisonDocument {
  readonly comparison: Comparison;
  readonly schema: number;
  readonly tool: string;
}

/** Two or more runs side by side. The first run is the baseline. */
export interface Comparison {
  readonly runs: readonly string[];
  readonly summary: string;
  readonly verdicts: readonly string[];
  readonly headlines: readonly string[];
  readonly causes: readonly CauseRow[];
  readonly differences: readonly Difference[];
  readonly same: Readonly<Record<string, string | Num>>;
  readonly figures: readonly FigureRow[];
  readonly curves: readonly Curve[];
  readonly evidence: readonly EvidenceRow[];
  readonly parting: number | null;
  readonly partings: readonly (number | null)[];
}

/** A cause that at least one run has. `confidence[i]` and `role[i]` are the i-th run's, None where it was not found. */
export interface CauseRow {
  readonly cause: string;
  readonly title: string;
  readonly confidence: readonly (Num | null)[];
  readonly role: readonly (string | null)[];
}

/** A setting that is not the same in all runs; None where a run does not tell. */
export interface Difference {
  readonly setting: string;
  readonly values: readonly (string | Num | null)[];
}

/** A number about each run, and each run's difference to the baseline (0 for the baseline itself). */
export interface FigureRow {
  readonly figure: string;
  readonly values: readonly (Num | null)[];
  readonly change: readonly (Num | null)[];
}

/** The same picture of every run, to be drawn on equal axes; None where a run lacks it. */
export interface EvidenceRow {
  readonly title: string;
  readonly evidence: readonly (Evidence | null)[];
}

/** What the route `cause` answers: a rule's page, as Markdown and as sanitised HTML. */
export interface CauseDocument {
  readonly id: string;
  readonly title: string;
  readonly cause: string;
  readonly stage: Stage;
  readonly severity: Severity;
  readonly needs: readonly string[];
  readonly welcome: readonly string[];
  readonly explains: readonly string[];
  readonly remedies: readonly Remedy[];
  readonly markdown: string;
  readonly html: string;
}

/** What the route `names` answers: causes and signals by their ids, as a person of this language calls them. */
export interface NamesDocument {
  readonly names: Readonly<Record<string, string>>;
}

/** What every route answers when the request cannot be served: a sentence for a person. */
export interface ErrorDocument {
  readonly error: string;
}
