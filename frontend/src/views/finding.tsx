/** One finding as a card; a cause carries what follows from it inside. */
import { useContext } from "preact/hooks";
import { keep, openCause, place } from "../address";
import type { Source } from "../api";
import { EvidenceView } from "../evidence/evidence";
import { RulerContext } from "../evidence/ruler";
import { enumerated, named, t, word } from "../language";
import { Code, Fold, Icon, type IconName, Prose, SeverityMark, Sureness, unfolded } from "../parts";
import { digits, percent, ROLE, titled } from "../text";
import type { Ranked, Remedy, Report, Rival } from "../wire";

/** A finding with those that follow from it. */
export interface Chain {
  readonly finding: Ranked;
  readonly consequences: readonly Chain[];
}

/** Nest each consequence in the finding that explains it most closely; one that nothing explains stands alone. */
export function chains(findings: readonly Ranked[]): readonly Chain[] {
  const parents = new Map<Ranked, Ranked>();
  for (const finding of findings) {
    if (finding.role !== "consequence") continue;
    const explaining = findings.filter((other) => other !== finding && other.explains.includes(finding.cause));
    const closest = explaining.find(
      (each) => !explaining.some((other) => other !== each && each.explains.includes(other.cause)),
    );
    const parent = closest ?? explaining[0];
    if (parent && !leadsTo(parents, parent, finding)) parents.set(finding, parent);
  }
  const nest = (finding: Ranked): Chain => ({
    finding,
    consequences: findings.filter((other) => parents.get(other) === finding).map(nest),
  });
  return findings.filter((finding) => !parents.has(finding)).map(nest);
}

/** Whether `from` already hangs below `to`: then nesting would go round in a circle. */
function leadsTo(parents: ReadonlyMap<Ranked, Ranked>, from: Ranked, to: Ranked): boolean {
  for (let at: Ranked | undefined = from; at; at = parents.get(at)) if (at === to) return true;
  return false;
}

/** The element of a finding's card. */
export function cardId(cause: string): string {
  return `finding-${cause}`;
}

/** Bring a part of the page into sight and let the keyboard go on from there. */
export function focusOn(id: string): void {
  const element = document.getElementById(id);
  const still = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
  element?.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
  element?.focus({ preventScroll: true });
}

interface Props {
  readonly chain: Chain;
  readonly group: string;
  readonly source: Source;
  readonly report: Report;
  readonly open: boolean;
}

export function FindingCard({ chain, group, source, report, open }: Props) {
  const { finding, consequences } = chain;
  const { cause } = finding;
  const headId = `${cardId(cause)}-title`;
  return (
    <article
      id={cardId(cause)}
      class={`finding ${finding.severity} ${finding.role}`}
      aria-labelledby={headId}
      tabIndex={-1}
    >
      <header>
        <p class="finding-kind">
          <span class="role">{t(ROLE[finding.role])}</span>
          <SeverityMark severity={finding.severity} />
          <Sureness confidence={finding.confidence} />
        </p>
        <h3 id={headId}>{finding.title || titled(cause)}</h3>
        {finding.summary !== report.headline && <p class="summary">{finding.summary}</p>}
        <p class="facts">
          {finding.since !== null && <Since step={finding.since} />}
          <span>{t("stage {name}", { name: word(finding.stage) })}</span>
          {finding.where.length > 0 && <Where names={finding.where} report={report} />}
          {source.explains(cause) && (
            <button type="button" class="link" aria-keyshortcuts="a" onClick={() => openCause(cause)}>
              {t("About this cause")}
            </button>
          )}
        </p>
      </header>
      <Fold
        name={cause}
        open={open}
        title={t(finding.remedies.length ? "Evidence and what to do" : "Evidence")}
        class="body-fold"
      >
        <Body finding={finding} group={group} />
        <Doubt finding={finding} />
      </Fold>
      {consequences.length > 0 && (
        <section class="chain" aria-label={t("What follows from: {title}", { title: finding.title })}>
          <p class="chain-head">{t("which led to")}</p>
          <ol>
            {consequences.map((each) => (
              <li key={each.finding.cause}>
                <FindingCard chain={each} group={group} source={source} report={report} open={false} />
              </li>
            ))}
          </ol>
        </section>
      )}
    </article>
  );
}

function Since({ step }: { step: number }) {
  const { axis, at, tick, when } = useContext(RulerContext);
  return (
    <span title={when(step)}>
      {t("since step {at}", { at: digits(step) })}
      {axis === "epoch" && ` (${t("epoch {at}", { at: tick(Number(at(step).toFixed(1))) })})`}
      {axis === "time" && ` (${tick(at(step))})`}
    </span>
  );
}

const MOST_PLACES = 6;

function Where({ names, report }: { names: readonly string[]; report: Report }) {
  const more = names.length - MOST_PLACES;
  return (
    <span class="where">
      {t("in")}{" "}
      {names.slice(0, MOST_PLACES).map((name) => (
        <Place key={name} name={name} report={report} />
      ))}
      {more > 0 && <span title={names.join(", ")}>{t("and {n} more", { n: more })}</span>}
    </span>
  );
}

/** A layer leads to its curves; a feature or a class is only named. */
function Place({ name, report }: { name: string; report: Report }) {
  if (!report.layers.some((map) => map.rows.includes(name))) return <code>{name}</code>;
  return (
    <button type="button" class="link" title={t("The curves of {name}", { name })} onClick={() => showLayer(name)}>
      <code>{name}</code>
    </button>
  );
}

/** Open the layers at one of them. */
function showLayer(name: string): void {
  keep({ layer: name, folds: unfolded(place.get().kept?.folds, "layers") });
  setTimeout(() => focusOn("layers"), 0); // when it is drawn
}

function Body({ finding, group }: { finding: Ranked; group: string }) {
  const [primary, ...further] = finding.evidence;
  return (
    <div class="finding-body">
      <div class="finding-evidence">
        {primary && <EvidenceView evidence={primary} group={group} where={finding.where} />}
        {further.length > 0 && (
          <Fold
            name={`${finding.cause}.more`}
            title={t("{n} more {n|picture|pictures} of evidence", { n: further.length })}
          >
            {further.map((each, index) => (
              <EvidenceView key={index} evidence={each} group={group} where={finding.where} />
            ))}
          </Fold>
        )}
      </div>
      {finding.remedies.length > 0 && <Remedies remedies={finding.remedies} />}
    </div>
  );
}

const STATES: Record<Rival["state"], { icon: IconName; says(rival: Rival): string }> = {
  found: {
    icon: "warning",
    says: ({ confidence }) =>
      t("found as well, {share} sure: see its card", { share: percent(Number(confidence ?? 0)) }),
  },
  weak: { icon: "unknown", says: () => t("a trace of it, too faint to count") },
  clear: { icon: "good", says: () => t("looked for: no sign of it in this run") },
  unchecked: {
    icon: "unknown",
    says: ({ needs }) => t("could not be checked: needs {what}", { what: enumerated(needs.map(named)) }),
  },
};

/** What would speak against the finding, and what became of the causes that look like it. */
function Doubt({ finding }: { finding: Ranked }) {
  const { rivals, wrong_when } = finding;
  if (!wrong_when && rivals.length === 0) return null;
  return (
    <Fold name={`${finding.cause}.doubt`} title={t("Could it be something else?")} class="doubt">
      {wrong_when && (
        <section>
          <h4>{t("What would speak against it")}</h4>
          <Prose text={wrong_when} />
        </section>
      )}
      {rivals.length > 0 && (
        <section>
          <h4>{t("Why this, and not …")}</h4>
          <ul class="rivals">
            {rivals.map((rival) => (
              <li key={rival.cause}>
                <Icon name={STATES[rival.state].icon} />
                <button type="button" class="link" onClick={() => openCause(rival.cause)}>
                  {rival.title}
                </button>{" "}
                <span class="quiet-text">{STATES[rival.state].says(rival)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Fold>
  );
}

function Remedies({ remedies }: { remedies: readonly Remedy[] }) {
  return (
    <section class="remedies">
      <h4>{t("What to do")}</h4>
      <ol>
        {remedies.map((remedy) => (
          <li key={remedy.action}>
            <p>{remedy.action}</p>
            {remedy.code && <Code>{remedy.code}</Code>}
            {remedy.expect && (
              <p class="expect">
                <b>{t("If that is it:")}</b> {remedy.expect}
              </p>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
