/** Runs side by side: what was changed, what came of it, when they parted. */

import { useEffect, useMemo } from "preact/hooks";
import { goTo } from "../address";
import type { Source } from "../api";
import { SideBySide } from "../compare/evidence";
import { LayerComparison } from "../compare/layers";
import { Side } from "../compare/side";
import { Causes, Differences, FigureTable } from "../compare/tables";
import { t } from "../language";
import "../compare/compare.css";
import { CurveView } from "../evidence/curve";
import { withSteps } from "../evidence/lines";
import { Failure, Fold, Loading, Stale } from "../parts";
import { useDocument } from "../resource";
import { numeric } from "../text";
import type { Comparison, ComparisonDocument } from "../wire";
import { RunPicker } from "./picker";
import { useRoles } from "./roles";
import { useRuns } from "./runs";

const MOST_COMPARED = 8;
const ASK_AGAIN = 1000; // milliseconds between questions while runs are being read
const FEW = 3; // runs up to which the figures by layer are shown unasked: they are large

export function CompareView({ runs, source }: { runs: readonly string[]; source: Source }) {
  const roles = useRoles();
  const { data, error, loading, retry } = useDocument<ComparisonDocument>(
    `compare ${JSON.stringify(runs)} ${JSON.stringify(roles)}`,
    () => source.compare(runs, roles),
  );
  const reading = useRuns(source, true).data?.loading ?? false;
  useEffect(() => {
    if (error === null || !reading) return; // what is not there yet may be among what is still read
    const timer = setInterval(retry, ASK_AGAIN);
    return () => clearInterval(timer);
  }, [error, reading]);
  return (
    <article class="compare">
      <nav class="trail" aria-label={t("Runs")}>
        <button type="button" class="link" onClick={() => goTo({ name: "runs" })}>
          {t("Runs")}
        </button>
        <span aria-hidden="true">/</span>
        <b>{t("Comparison")}</b>
        {source.live && runs.length < MOST_COMPARED && <Further runs={runs} source={source} />}
      </nav>
      {!data && <h1 class="sr">{t("Comparison")}</h1>}
      {loading && <Loading what={t("Comparing")} />}
      {data && <Stale message={error} retry={retry} />}
      {!data && error !== null && reading && <Loading what={t("These runs are still being read")} />}
      {!data && error !== null && !reading && <Failure message={error} retry={retry} />}
      {data && <ComparisonBody comparison={data.comparison} source={source} />}
    </article>
  );
}

/** One more run beside these. */
function Further({ runs, source }: { runs: readonly string[]; source: Source }) {
  const { data } = useRuns(source, true);
  const roles = useRoles();
  const others = (data?.runs ?? []).filter((each) => each.verdict !== null && !runs.includes(each.run));
  if (others.length === 0) return null;
  return (
    <RunPicker
      label={t("Compare with a further run")}
      prompt={t("Add a run …")}
      runs={others.map((each) => each.run)}
      chosen={(run) => goTo({ name: "compare", runs: [...runs, run] }, roles)}
    />
  );
}

function ComparisonBody({ comparison, source }: { comparison: Comparison; source: Source }) {
  const { runs } = comparison;
  const group = `compare ${runs.join("\n")}`;
  const curves = useMemo(
    () => comparison.curves.map((curve) => ({ ...curve, marks: withParting(curve.marks, comparison.parting) })),
    [comparison],
  );
  const colorOf = (name: string, index: number) => (runs.includes(name) ? runs.indexOf(name) : index);
  return (
    <>
      <header class="headline">
        <h1>{comparison.summary}</h1>
      </header>
      <ul class="sides">
        {runs.map((run, index) => (
          <Side key={run} comparison={comparison} index={index} possible={source.comparable} />
        ))}
      </ul>
      {curves.map((curve) => (
        <CurveView key={curve.title} curve={curve} group={group} height={260} smoothable colorOf={colorOf} />
      ))}
      <div class="cells-beside" style={{ "--least": `${170 + 150 * runs.length}px` }}>
        <Differences comparison={comparison} />
        <FigureTable rows={comparison.figures} runs={runs} />
        <Causes rows={comparison.causes} runs={runs} />
      </div>
      {comparison.evidence.length > 0 && (
        <section>
          <h2>{t("Evidence on equal axes")}</h2>
          {comparison.evidence.map((row) => (
            <SideBySide key={row.title} row={row} runs={runs} group={group} />
          ))}
        </section>
      )}
      <Fold title={<h2>{t("Layer by layer")}</h2>} open={runs.length <= FEW} name="layers">
        <LayerComparison runs={runs} source={source} group={group} />
      </Fold>
    </>
  );
}

function withParting(marks: Comparison["curves"][number]["marks"], parting: number | null) {
  const marked = marks.some((mark) => mark.kind === "step" && numeric(mark.at) === parting);
  return parting === null || marked ? marks : withSteps(marks, [{ at: parting, label: t("they part") }]);
}
