/** Over all runs: which causes occur how often, and which settings go with them. */

import { useMemo } from "preact/hooks";
import { rich, t } from "../language";
import { Icon } from "../parts";
import { type Store, store, useStore } from "../store";
import { digits, titled } from "../text";
import type { RunEntry } from "../wire";
import { type CauseCount, type Companion, causeCounts } from "./causes";
import { type Condition, described } from "./conditions";
import { change, type ListState } from "./state";

const OPEN_FROM = 12; // runs from which the overview is worth its room unasked...
const ROOMY = 820; // ... in a window that is so many pixels wide

const opened: Store<boolean | null> = store<boolean | null>(null);

export function Overview({ runs, state }: { runs: readonly RunEntry[]; state: ListState }) {
  const open = useStore(opened) ?? (runs.length >= OPEN_FROM && window.innerWidth > ROOMY);
  return (
    <details class="fold causes-over-runs" open={open} onToggle={(event) => opened.set(event.currentTarget.open)}>
      <summary>
        <h2>{t("Causes over {n} {n|run|runs}", { n: digits(runs.length) })}</h2>
      </summary>
      {open && <Counts runs={runs} state={state} />}
    </details>
  );
}

function Counts({ runs, state }: { runs: readonly RunEntry[]; state: ListState }) {
  const counts = useMemo(() => causeCounts(runs), [runs]);
  const judged = runs.filter((run) => run.verdict !== null).length;
  if (counts.length === 0) return <p class="quiet-text">{t("No cause was found in these runs.")}</p>;
  const telling = counts.some(({ companions }) => companions.length > 0);
  return (
    <table class="cause-table">
      <thead>
        <tr>
          <th scope="col">{t("Cause")}</th>
          <th scope="col">{t("Runs")}</th>
          <th scope="col">{telling ? t("Goes with") : <span class="sr">{t("Goes with")}</span>}</th>
        </tr>
      </thead>
      <tbody>
        {counts.map((count) => (
          <CountRow key={count.cause} count={count} of={judged} state={state} />
        ))}
      </tbody>
    </table>
  );
}

function CountRow({ count, of, state }: { count: CauseCount; of: number; state: ListState }) {
  const { cause, severity, companions } = count;
  const shown = cause === "" ? state.states.join() === "good" : state.cause === cause;
  const part: Partial<ListState> = cause === "" ? { states: shown ? [] : ["good"] } : { cause: shown ? "" : cause };
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="quiet facet"
          aria-pressed={shown}
          title={t(shown ? "Show all again" : "Show only these runs")}
          onClick={() => change(part)}
        >
          <Icon name={severity} /> {cause === "" ? t("Healthy") : count.title || titled(cause)}
        </button>
      </th>
      <td class="cause-count">
        <span class="share" aria-hidden="true">
          <span class={severity} style={{ width: `${(100 * count.count) / Math.max(1, of)}%` }} />
        </span>
        <span class="number">{t("{n} of {all}", { n: digits(count.count), all: digits(of) })}</span>
      </td>
      <td class="companions">
        {companions.map((companion) => (
          <With key={companion.condition.setting} companion={companion} state={state} />
        ))}
      </td>
    </tr>
  );
}

function With({ companion, state }: { companion: Companion; state: ListState }) {
  const { condition, having, of, otherwise, ofOthers } = companion;
  const shown = sameCondition(state.where, condition);
  return (
    <button
      type="button"
      class="quiet facet"
      aria-pressed={shown}
      title={t("{having} of the {of} runs with {condition} have it, {otherwise} of the other {others}", {
        having,
        of,
        condition: described(condition),
        otherwise,
        others: ofOthers,
      })}
      onClick={() => change({ where: shown ? null : condition })}
    >
      {rich("{condition}: {having} of {of}, else {otherwise} of {others}", {
        condition: <b>{described(condition)}</b>,
        having: digits(having),
        of: digits(of),
        otherwise: digits(otherwise),
        others: digits(ofOthers),
      })}
    </button>
  );
}

function sameCondition(a: Condition | null, b: Condition): boolean {
  return a !== null && a.setting === b.setting && String(a.is) === String(b.is);
}
