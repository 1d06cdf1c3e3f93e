/** A run that is still being written: how fresh the report is, and what is new in it, said calmly. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../language";
import { isLive, useNow } from "../runs/clock";
import { ago, digits, numeric } from "../text";
import type { Report } from "../wire";
import { cardId, focusOn } from "./finding";

/** When the run last wrote, and what that means. */
export function Freshness({ report }: { report: Report }) {
  const now = useNow();
  if (report.updated === null) return null;
  const updated = numeric(report.updated);
  const live = isLive(updated, now, report.closed);
  const written = { ago: ago(updated, now) };
  return (
    <span class={`freshness ${live ? "is-live" : ""}`}>
      {live ? t("Live: last written {ago}", written) : t(SILENT[`${report.closed}`], written)}
    </span>
  );
}

/** What silence means: a writer of ours says when it is closed. */
const SILENT = {
  true: "Finished {ago}",
  false: "Silent: last written {ago}, and the writer was never closed. Stopped, stuck, or without writer.close()",
  null: "Last written {ago}: finished or stopped",
} as const;

export interface News {
  readonly cause: string | null;
  readonly text: string;
}

/** What a later report of the same run says that an earlier one did not. */
export function newsOf(before: Report, after: Report): readonly News[] {
  const known = new Set(before.findings.map(({ cause }) => cause));
  const found = new Set(after.findings.map(({ cause }) => cause));
  const fresh = after.findings.filter(({ cause }) => !known.has(cause));
  const gone = before.findings.filter(({ cause }) => !found.has(cause));
  return [
    ...fresh.map(({ cause, title, since }) => ({
      cause,
      text:
        since === null
          ? t("New: {title}", { title })
          : t("New: {title}, since step {at}", { title, at: digits(since) }),
    })),
    ...gone.map(({ title }) => ({ cause: null, text: t("No longer found: {title}", { title }) })),
  ];
}

/** The news since the page was opened, read out once and dismissed by the person. Nothing else moves. */
export function Announcements({ report }: { report: Report | undefined }) {
  const before = useRef(report);
  const [news, setNews] = useState<readonly News[]>([]);
  useEffect(() => {
    if (before.current && report && report !== before.current) {
      const further = newsOf(before.current, report);
      if (further.length > 0) setNews(further);
    }
    before.current = report ?? before.current;
  }, [report]);
  return (
    <div class="news" role="status" aria-live="polite">
      {news.map(({ cause, text }) => (
        <p key={text} class="banner">
          {text}
          {cause !== null && (
            <button type="button" class="quiet" onClick={() => focusOn(cardId(cause))}>
              {t("Show")}
            </button>
          )}
          <button type="button" class="quiet" onClick={() => setNews(news.filter((each) => each.text !== text))}>
            {t("Dismiss")}
          </button>
        </p>
      ))}
    </div>
  );
}
