/** The same picture of every run, on equal axes. */

import { useMemo } from "preact/hooks";
import { commonExtent, EvidenceView } from "../evidence/evidence";
import { t } from "../language";
import type { EvidenceRow } from "../wire";
import { RunName } from "./side";

export function SideBySide({ row, runs, group }: { row: EvidenceRow; runs: readonly string[]; group: string }) {
  const extent = useMemo(() => commonExtent(row.evidence), [row]);
  return (
    <section class="card">
      <h3>{row.title}</h3>
      <div class="beside">
        {runs.map((run, index) => {
          const evidence = row.evidence[index];
          return (
            <div key={run}>
              <RunName run={run} index={index} />
              {evidence ? (
                <EvidenceView
                  evidence={{ ...evidence, title: `${evidence.title}, ${run}` }}
                  group={group}
                  extent={extent}
                  tint={index}
                />
              ) : (
                <p class="state">{t("Not seen in this run")}</p>
              )}
            </div>
          );
        })}
      </div>
    </section>
  );
}
