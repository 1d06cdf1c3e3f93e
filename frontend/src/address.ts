/** What is shown, as a part of the page's address: it survives a reload and can be sent to a colleague. */
import { store, useStore } from "./store";

export type View =
  /** `list` says how the list is filtered, sorted and laid out. */
  | { readonly name: "runs"; readonly list?: string }
  | { readonly name: "run"; readonly run: string }
  | { readonly name: "compare"; readonly runs: readonly string[] };

export interface Place {
  readonly view: View;
  /** The cause whose page of the catalogue is open beside the view. */
  readonly cause: string | null;
  /** How the view is looked at: its zoom, axis, open parts, each as a short text. */
  readonly kept?: Kept;
}

export type Kept = Readonly<Record<string, string>>;

const PLUGIN = "lossdiag";
const PREFIX = `p.${PLUGIN}.`;
const OURS = new Set(["view", "run", "cause", "list"]);

/** `#lossdiag&p.lossdiag.run=...`: the form that TensorBoard keeps for its plugins. */
export function toHash(place: Place): string {
  const { view, cause, kept = {} } = place;
  const runs = view.name === "runs" ? [] : view.name === "run" ? [view.run] : view.runs;
  const pairs = [
    ...(view.name === "runs" ? (view.list ? [["list", view.list]] : []) : [["view", view.name]]),
    ...(runs.length ? [["run", runs.map(encodeURIComponent).join(",")]] : []), // a run's name may hold a comma
    ...(cause ? [["cause", cause]] : []),
    ...Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  return [`#${PLUGIN}`, ...pairs.map(([key, value]) => `${PREFIX}${key}=${encodeURIComponent(value ?? "")}`)].join("&");
}

/** The place that an address names, or null where it is another tab's. */
export function fromHash(hash: string): Place | null {
  const [plugin, ...pairs] = hash.replace(/^#/, "").split("&");
  if (plugin !== PLUGIN) return null;
  const values = new Map(
    pairs
      .filter((pair) => pair.startsWith(PREFIX))
      .map((pair) => {
        const [key = "", value = ""] = pair.slice(PREFIX.length).split("=");
        return [key, decoded(value)] as const;
      }),
  );
  const runs = (values.get("run") ?? "").split(",").filter(Boolean).map(decoded);
  const [run] = runs;
  const wanted = values.get("view");
  const view: View =
    wanted === "compare" && runs.length > 1
      ? { name: "compare", runs }
      : wanted === "run" && run !== undefined
        ? { name: "run", run }
        : { name: "runs", ...(values.get("list") ? { list: values.get("list") ?? "" } : {}) };
  const kept = Object.fromEntries([...values].filter(([key, value]) => !OURS.has(key) && value));
  return { view, cause: values.get("cause") || null, ...(Object.keys(kept).length > 0 ? { kept } : {}) };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The window whose address bar the person sees: TensorBoard's, or our own. */
let bar: Window = window;

export const place = store<Place>({ view: { name: "runs" }, cause: null });

/** Show another place. `replace` where going back should not return to the present one. */
export function go(next: Place, { replace = false } = {}): void {
  write(next, replace);
  place.set(next);
}

export function goTo(view: View, kept: Kept = {}): void {
  go({ view, cause: null, kept });
}

/** The whole address of a view, for a link that can be copied or opened in another window. */
export function addressOf(view: View, kept: Kept = {}): string {
  return bar.location.href.replace(/#.*$/, "") + toHash({ view, cause: null, kept });
}

/** Going back closes what was opened. */
export function openCause(cause: string | null): void {
  go({ ...place.get(), cause }, { replace: cause === null || place.get().cause !== null });
}

const WRITE_AFTER = 200; // milliseconds: a browser takes it ill when its address changes with every move of a slider
let writing: ReturnType<typeof setTimeout> | undefined;

/** Remember how the view is looked at; `null` where it is as it usually is. */
export function keep(changes: Readonly<Record<string, string | null>>): void {
  const { kept = {}, ...rest } = place.get();
  const entries = Object.entries({ ...kept, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  place.set({ ...rest, kept: Object.fromEntries(entries) });
  clearTimeout(writing);
  writing = setTimeout(() => write(place.get(), true), WRITE_AFTER);
}

/** One thing that the address remembers of how the view is looked at, and how to change it. */
export function useKept(key: string): readonly [string | null, (value: string | null) => void] {
  const value = useStore(place).kept?.[key] ?? null;
  return [value, (next) => keep({ [key]: next })];
}

function write(next: Place, replace: boolean): void {
  clearTimeout(writing);
  const { history } = bar;
  try {
    history[replace ? "replaceState" : "pushState"](history.state, "", toHash(next));
  } catch {
    // an address that cannot be written (a sandboxed frame) costs the deep link, nothing else
  }
}

/** Put our place back into the address: switching TensorBoard's tabs drops it. */
export function restoreAddress(): void {
  const { hash } = bar.location;
  if (fromHash(hash) && hash !== toHash(place.get())) write(place.get(), true);
}

/** Follow the address of `window` from now on, starting with what it says, or with `initial` where it says nothing. */
export function followAddress(window: Window, initial: Place): void {
  bar = window;
  place.set(fromHash(window.location.hash) ?? initial);
  const follow = () => {
    const next = fromHash(window.location.hash);
    if (next && toHash(next) !== toHash(place.get())) place.set(next);
  };
  window.addEventListener("popstate", follow);
  window.addEventListener("hashchange", follow);
}
