/** The table of runs: a row each, of which only those near the screen exist. */

import { Component } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { locale, t, word } from "../language";
import { Icon, SeverityMark, Sureness, VerdictChip, ViewLink } from "../parts";
import { useStore } from "../store";
import { ago, cell, figure, numeric } from "../text";
import { Spark } from "../views/spark";
import type { RunEntry } from "../wire";
import { isLive, useNow } from "./clock";
import { change, chosen, type ListState, stateOf } from "./state";
import { useWindow } from "./window";

interface Props {
  readonly rows: readonly RunEntry[];
  readonly columns: readonly string[];
  readonly order: Pick<ListState, "column" | "descending">;
  readonly selectable: boolean;
}

export function RunTable({ rows, columns, order, selectable }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  const shown = useWindow(body, rows.length);
  const picked = useStore(chosen);
  const { held, ...keyboard } = useFocusedRow(body, rows, shown.height);
  const drawn = pieces(shown.from, shown.to, held, rows.length);
  return (
    <table class="run-table" aria-rowcount={rows.length + 1} style={widths(columns)}>
      <Heads columns={columns} order={order} />
      <tbody ref={body} {...keyboard}>
        {drawn.map((piece) =>
          typeof piece === "number" ? (
            <Row
              key={rows[piece]?.run}
              run={rows[piece] as RunEntry}
              index={piece}
              columns={columns}
              picked={picked.includes(rows[piece]?.run ?? "")}
              selectable={selectable}
            />
          ) : (
            <tr key={`gap ${piece.from}`} style={{ height: `${piece.rows * shown.height}px` }} />
          ),
        )}
      </tbody>
    </table>
  );
}

/** The grid's columns of figures and settings; the stylesheet says how wide each is, and hides settings where room is short. */
function widths(columns: readonly string[]): Record<string, string> {
  const settings = columns.filter((name) => name.startsWith("=")).length;
  const repeated = (count: number, name: string) =>
    Array.from({ length: count }, () => `var(${name})`).join(" ") || " ";
  return {
    "--figures": repeated(columns.length - settings, "--figure-width"),
    "--settings": repeated(settings, "--setting-width"),
  };
}

interface Gap {
  readonly from: "start" | "middle" | "end";
  readonly rows: number;
}

/** The rows to draw, with a gap where rows are left out. `held` is drawn wherever it is: it has the focus. */
export function pieces(from: number, to: number, held: number, count: number): readonly (number | Gap)[] {
  const near = Array.from({ length: to - from }, (_, index) => from + index);
  const gap = (name: Gap["from"], rows: number): readonly Gap[] => (rows > 0 ? [{ from: name, rows }] : []);
  if (held < 0 || (held >= from && held < to)) return [...gap("start", from), ...near, ...gap("end", count - to)];
  if (held < from) {
    return [...gap("start", held), held, ...gap("middle", from - held - 1), ...near, ...gap("end", count - to)];
  }
  return [...gap("start", from), ...near, ...gap("middle", held - to), held, ...gap("end", count - held - 1)];
}

function kindOf(column: string): string {
  return column.startsWith("=") ? "col-setting" : "col-figure";
}

function Heads({ columns, order }: Pick<Props, "columns" | "order">) {
  const heads = [
    ["run", t("Run"), ""],
    ["verdict", t("Verdict"), ""],
    ["cause", t("Root cause"), ""],
    ...columns.map((name) => [name, word(name.replace(/^=/, "")), `number ${kindOf(name)}`] as const),
    ["", t("Loss"), ""],
    ["written", t("Written"), "col-written"],
  ] as const;
  return (
    <thead>
      <tr aria-rowindex={1}>
        <th scope="col" class="pick">
          <span class="sr">{t("Compare")}</span>
        </th>
        {heads.map(([column, label, kind]) => (
          <th
            key={column}
            scope="col"
            class={kind}
            aria-sort={column && column === order.column ? (order.descending ? "descending" : "ascending") : undefined}
          >
            {column ? (
              <button type="button" class="sort" title={label} onClick={() => sortBy(column, order)}>
                {label}
              </button>
            ) : (
              label
            )}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function sortBy(column: string, before: Props["order"]): void {
  change({ column, descending: before.column === column && !before.descending });
}

/** Arrows, Page Up and Down, Home and End move from row to row; the row with the focus stays when it is scrolled away. */
function useFocusedRow(body: { readonly current: HTMLElement | null }, rows: readonly RunEntry[], height: number) {
  const run = useRef<string | null>(null);
  const [wanted, setWanted] = useState<{ index: number; control: string } | null>(null);
  const focused = run.current === null ? -1 : rows.findIndex((each) => each.run === run.current);

  useLayoutEffect(() => {
    if (!wanted) return;
    const row = body.current?.querySelector(`tr[aria-rowindex="${wanted.index + 2}"]`);
    const control = row?.querySelector<HTMLElement>(wanted.control);
    row?.scrollIntoView?.({ block: "nearest" });
    control?.focus({ preventScroll: true });
    setWanted(null);
  }, [wanted]);

  const moves: Record<string, (at: number) => number> = {
    ArrowDown: (at) => at + 1,
    ArrowUp: (at) => at - 1,
    PageDown: (at) => at + Math.max(1, Math.floor(window.innerHeight / height) - 3),
    PageUp: (at) => at - Math.max(1, Math.floor(window.innerHeight / height) - 3),
    Home: () => 0,
    End: () => rows.length - 1,
  };
  return {
    held: wanted?.index ?? focused,
    onFocusIn: (event: FocusEvent) => {
      run.current = (event.target as Element).closest<HTMLElement>("[data-run]")?.dataset.run ?? null;
    },
    onFocusOut: (event: FocusEvent) => {
      if (!body.current?.contains(event.relatedTarget as Node | null)) run.current = null;
    },
    onKeyDown: (event: KeyboardEvent) => {
      const move = moves[event.key];
      const at = rows.findIndex((each) => each.run === run.current);
      if (!move || at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const control = (event.target as Element).matches("input") ? "input" : ".link";
      setWanted({ index: Math.min(Math.max(move(at), 0), rows.length - 1), control });
    },
  };
}

interface RowProps {
  readonly run: RunEntry;
  readonly index: number;
  readonly columns: readonly string[];
  readonly picked: boolean;
  readonly selectable: boolean;
}

/** Drawn again only when something about it changed: scrolling brings rows, it does not change them. */
class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    return (Object.keys(next) as (keyof RowProps)[]).some((name) => next[name] !== this.props[name]);
  }

  override render({ run, index, columns, picked, selectable }: RowProps) {
    const ready = run.status === "ready" || run.verdict !== null;
    return (
      <tr data-run={run.run} class={run.status} aria-rowindex={index + 2}>
        <td class="pick">
          <input
            type="checkbox"
            aria-label={t("Compare {run}", { run: run.run })}
            checked={picked}
            disabled={!ready || !selectable}
            onChange={() => toggle(run.run)}
          />
        </td>
        <th scope="row" class="run-name">
          <ViewLink view={{ name: "run", run: run.run }} title={run.headline || run.run}>
            {run.run}
          </ViewLink>
        </th>
        <td class="run-verdict">
          {run.verdict && <VerdictChip verdict={run.verdict} />}
          {run.status === "reading" && <span class="quiet-text">{t("reading …")}</span>}
          {run.status === "failed" && <SeverityMark severity="error" />}
        </td>
        <td class="run-cause">
          <Cause run={run} />
        </td>
        {columns.map((name) => (
          <td key={name} class={`number ${kindOf(name)}`} title={word(name.replace(/^=/, ""))}>
            {shownValue(run, name)}
          </td>
        ))}
        <td class="run-spark">
          <Spark values={run.spark} label={t("Training loss of {run}", { run: run.run })} />
        </td>
        <td class="run-written col-written">
          {run.updated === null ? "" : <When updated={numeric(run.updated)} closed={run.closed} />}
        </td>
      </tr>
    );
  }
}

function toggle(run: string): void {
  const picked = chosen.get();
  chosen.set(picked.includes(run) ? picked.filter((each) => each !== run) : [...picked, run]);
}

function shownValue(run: RunEntry, column: string): string {
  if (column.startsWith("=")) return cell(run.settings[column.slice(1)] ?? null);
  const value = run.figures[column];
  return value === undefined ? "–" : figure(column, value);
}

function Cause({ run }: { run: RunEntry }) {
  if (run.root) {
    return (
      <span class="cause">
        <Icon name={run.root.severity} />
        <span class="cause-title" title={run.root.title}>
          {run.root.title}
        </span>
        <Sureness confidence={run.root.confidence} words={false} />
      </span>
    );
  }
  if (run.status === "failed") return run.message;
  return <span class="quiet-text">{stateOf(run) === "good" ? t("none") : run.verdict ? t("none found") : ""}</span>;
}

function When({ updated, closed }: { updated: number; closed: boolean | null }) {
  const now = useNow();
  if (!Number.isFinite(updated)) return null;
  const exact = new Date(1000 * updated);
  const live = isLive(updated, now, closed);
  return (
    <time dateTime={exact.toISOString()} title={exact.toLocaleString(locale())}>
      {live && <span class="live">{t("live")}</span>}
      {!live && closed === false && <span class="quiet-text">{t("silent")}</span>} {ago(updated, now)}
    </time>
  );
}
