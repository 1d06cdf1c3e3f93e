/** What the list of runs shows: its filters, order and columns, kept while other views are looked at, and in the address. */
import { go, place } from "../address";
import { hostRunFilter, visible } from "../host";
import { type Store, store } from "../store";
import { tone } from "../text";
import type { RunEntry, Severity } from "../wire";
import { type Condition, conditionFrom, conditionText } from "./conditions";

export type State = Severity | "good" | "unknown";

export interface ListState {
  readonly text: string;
  readonly states: readonly State[];
  readonly verdict: string;
  readonly cause: string;
  readonly where: Condition | null;
  readonly column: string;
  readonly descending: boolean;
  /** The columns that the person chose, or null for those that the runs suggest. */
  readonly columns: readonly string[] | null;
}

export const WHOLE: ListState = {
  text: "",
  states: [],
  verdict: "",
  cause: "",
  where: null,
  column: "",
  descending: false,
  columns: null,
};

export const list: Store<ListState> = store(WHOLE);
export const chosen: Store<readonly string[]> = store<readonly string[]>([]);
/** TensorBoard's own filter of runs, and whether the person lifted it here. */
export const hostFilter: Store<string> = store("");
export const lifted: Store<boolean> = store(false);

/** The list as on the first visit. */
export function resetList(): void {
  list.set(WHOLE);
  chosen.set([]);
  hostFilter.set("");
  lifted.set(false);
}

/** Change what is shown; the address follows. */
export function change(part: Partial<ListState>): void {
  list.set({ ...list.get(), ...part });
  const here = place.get();
  if (here.view.name === "runs") go({ ...here, view: addressed() }, { replace: true });
}

export function addressed(): { readonly name: "runs"; readonly list?: string } {
  const text = toText(list.get());
  return text ? { name: "runs", list: text } : { name: "runs" };
}

export function toText(state: ListState): string {
  const pairs = {
    q: state.text,
    state: state.states.join(" "),
    verdict: state.verdict,
    cause: state.cause,
    where: state.where ? conditionText(state.where) : "",
    sort: state.column && (state.descending ? "-" : "") + state.column,
    columns: state.columns?.map(encodeURIComponent).join(" ") ?? "",
  };
  return new URLSearchParams(Object.entries(pairs).filter(([, value]) => value)).toString();
}

const STATES: readonly State[] = ["error", "warning", "info", "unknown", "good"];

export function fromText(text: string): ListState {
  const values = new URLSearchParams(text);
  const word = (name: string) => values.get(name) ?? "";
  const sort = word("sort");
  const columns = values.get("columns");
  return {
    text: word("q"),
    states: STATES.filter((each) => word("state").split(" ").includes(each)),
    verdict: word("verdict"),
    cause: word("cause"),
    where: conditionFrom(word("where")),
    column: sort.replace(/^-/, ""),
    descending: sort.startsWith("-"),
    columns: columns === null ? null : columns.split(" ").filter(Boolean).map(decoded),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Look again at what the person typed into TensorBoard's own filter: it changes only while another tab is shown. */
export function followHostFilter(): () => void {
  const read = () => {
    if (!visible.get()) return;
    const now = hostRunFilter();
    if (now !== hostFilter.get()) lifted.set(false);
    hostFilter.set(now);
  };
  read();
  return visible.subscribe(read);
}

/** What a run is counted as: its worst finding, good news, or trouble of unknown cause. */
export function stateOf({ root, verdict }: RunEntry): State | null {
  if (root && root.severity !== "info") return root.severity;
  if (!verdict) return null;
  return tone(verdict.id) === "good" ? "good" : "unknown";
}
