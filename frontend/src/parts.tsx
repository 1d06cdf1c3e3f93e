/** Small parts that several views share. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { addressOf, goTo, type Kept, keep, place, useKept, type View } from "./address";
import { rich, t } from "./language";
import { numeric, percent, SEVERITY, sureness, titled, tone } from "./text";
import type { Num, Severity, Verdict } from "./wire";

const PATHS = {
  good: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.7 5.2-4.4 4.9a.8.8 0 0 1-1.2 0L4.2 9.2l1.2-1.1 1.3 1.4 3.8-4.3 1.2 1Z",
  error: "M5 1h6l4 4v6l-4 4H5l-4-4V5l4-4Zm2.2 3v5h1.6V4H7.2Zm0 6.3V12h1.6v-1.7H7.2Z",
  warning: "M8 1.2 15.5 15H.5L8 1.2Zm-.8 5V11h1.6V6.2H7.2Zm0 5.8v1.5h1.6V12H7.2Z",
  info: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm-.8 3h1.6v1.6H7.2V4Zm0 2.8h1.6V12H7.2V6.8Z",
  unknown:
    "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1ZM4.5 9.1a1.1 1.1 0 1 1 0-2.2 1.1 1.1 0 0 1 0 2.2Zm3.5 0a1.1 1.1 0 1 1 0-2.2 1.1 1.1 0 0 1 0 2.2Zm3.5 0a1.1 1.1 0 1 1 0-2.2 1.1 1.1 0 0 1 0 2.2Z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} fill-rule="evenodd" />
    </svg>
  );
}

export function SeverityMark({ severity }: { severity: Severity }) {
  return (
    <span class={`severity ${severity}`}>
      <Icon name={severity} />
      {t(SEVERITY[severity])}
    </span>
  );
}

export function VerdictChip({ verdict }: { verdict: Pick<Verdict, "id"> }) {
  const kind = tone(verdict.id);
  return (
    <span class={`chip ${kind}`}>
      <Icon name={kind === "bad" ? "error" : kind} />
      {titled(verdict.id)}
    </span>
  );
}

interface LinkProps {
  readonly view: View;
  readonly kept?: Kept;
  readonly title?: string;
  readonly children: ComponentChildren;
}

/** The way to another view: a link like any other, which can be copied and opened elsewhere; a plain click stays in this page. */
export function ViewLink({ view, kept = {}, title, children }: LinkProps) {
  return (
    <a
      class="link"
      href={addressOf(view, kept)}
      title={title}
      onClick={(event) => {
        if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        goTo(view, kept);
      }}
    >
      {children}
    </a>
  );
}

/** Paragraphs with the two signs that the catalogue uses within a line: `code` and *stress*. */
export function Prose({ text }: { text: string }) {
  return (
    <>
      {text.split(/\n\s*\n/).map((paragraph, index) => (
        <p key={index}>
          {paragraph.split(/(`[^`]+`|\*[^*]+\*)/).map((part, place) => {
            if (part.startsWith("`") && part.length > 2) return <code key={place}>{part.slice(1, -1)}</code>;
            return part.startsWith("*") && part.length > 2 ? <em key={place}>{part.slice(1, -1)}</em> : part;
          })}
        </p>
      ))}
    </>
  );
}

/** How sure, as a word, a number and a bar. */
export function Sureness({ confidence, words = true }: { confidence: Num; words?: boolean }) {
  const share = numeric(confidence);
  return (
    <span class="sureness">
      {words && <span>{sureness(confidence)}</span>}
      <span class="meter" aria-hidden="true">
        <span style={{ width: `${100 * Math.min(1, Math.max(0, share || 0))}%` }} />
      </span>
      <span class="number">{percent(share)}</span>
    </span>
  );
}

const COPIED_FOR = 1600; // milliseconds that the button says so

export function CopyButton({ text, label = t("Copy") }: { text: string; label?: string }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    setState((await copied(text)) ? "copied" : "failed");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setState("idle"), COPIED_FOR);
  };
  return (
    <button type="button" class="quiet copy" onClick={() => void copy()}>
      <span aria-live="polite">
        {state === "idle" ? label : t(state === "copied" ? "Copied" : "Select and press Ctrl+C")}
      </span>
    </button>
  );
}

/** Without HTTPS or localhost there is no clipboard API: then a hidden text field does it. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand?.("copy") ?? false;
    field.remove();
    return done;
  }
}

export function Code({ children }: { children: string }) {
  return (
    <div class="code">
      <pre>
        <code>{children}</code>
      </pre>
      <CopyButton text={children} />
    </div>
  );
}

interface FoldProps {
  readonly title: ComponentChildren;
  readonly open?: boolean;
  readonly class?: string;
  /** By which the address remembers whether it is open. */
  readonly name?: string;
  readonly children: ComponentChildren;
}

/** A part of the page that can be folded; what is folded is not drawn. */
export function Fold({ title, open: usual = false, class: kind = "", name, children }: FoldProps) {
  const own = useState(usual);
  const kept = useFolded(name ?? "", usual);
  const [open, setOpen] = name === undefined ? own : kept;
  return (
    <details class={`fold ${kind}`} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {open && <div class="fold-body">{children}</div>}
    </details>
  );
}

const FOLDED = "folds"; // in the address: "name" where it was opened, "-name" where it was closed

/** Whether a part is open, which the address remembers. */
export function useFolded(name: string, usual: boolean): readonly [boolean, (open: boolean) => void] {
  const [kept] = useKept(FOLDED);
  return [isOpen(kept, name, usual), (open) => setFolded(name, usual, open)];
}

function isOpen(kept: string | null, name: string, usual: boolean): boolean {
  const said = kept?.split(",") ?? [];
  return said.includes(name) || (usual && !said.includes(`-${name}`));
}

/** What the address holds now counts: several parts may be opened before anything is drawn again. */
function setFolded(name: string, usual: boolean, open: boolean): void {
  const kept = place.get().kept?.[FOLDED] ?? null;
  if (open === isOpen(kept, name, usual)) return;
  const others = (kept?.split(",") ?? []).filter((each) => each !== name && each !== `-${name}`);
  const now = open === usual ? others : [...others, open ? name : `-${name}`];
  keep({ [FOLDED]: now.length > 0 ? now.join(",") : null });
}

/** Open a part by its name, from elsewhere. */
export function unfolded(kept: string | undefined, name: string): string {
  return [...(kept?.split(",") ?? []).filter((each) => each !== `-${name}` && each !== name), name].join(",");
}

export function Loading({ what }: { what: string }) {
  return (
    <div class="state" role="status">
      <span class="spinner" aria-hidden="true" />
      {what}
    </div>
  );
}

export function Failure({
  message,
  retry,
  children,
}: {
  message: string;
  retry(): void;
  children?: ComponentChildren;
}) {
  return (
    <div class="state failure" role="alert">
      <Icon name="error" />
      <div>
        <p>{message}</p>
        <button type="button" onClick={retry}>
          {t("Try again")}
        </button>
        {children}
      </div>
    </div>
  );
}

/** What is shown is not the newest, because the last question was not answered. */
export function Stale({ message, retry }: { message: string | null; retry(): void }) {
  if (message === null) return null;
  return (
    <div class="banner" role="status">
      <Icon name="warning" />
      {rich("{message} What you see was read earlier.", { message })}
      <button type="button" class="quiet" onClick={retry}>
        {t("Try again")}
      </button>
    </div>
  );
}
