/** One finding as a card; a cause carries what follows from it inside. */
import { openCause } from "../address";
import type { Source } from "../api";
import { EvidenceView } from "../evidence/evidence";
import { Code, Fold, SeverityMark, Sureness } from "../parts";
import { digits, plural, ROLE, titled } from "../text";
import type { Ranked, Remedy } from "../wire";

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

interface Props {
  readonly chain: Chain;
  readonly group: string;
  readonly source: Source;
  readonly open: boolean;
  /** The report's own sentence: a card that would only repeat it leaves it out. */
  readonly headline?: string;
}

export function FindingCard({ chain, group, source, open, headline }: Props) {
  const { finding, consequences } = chain;
  const headId = `finding-${finding.cause}`;
  return (
    <article class={`finding ${finding.severity} ${finding.role}`} aria-labelledby={headId}>
      <header>
        <p class="finding-kind">
          <span class="role">{ROLE[finding.role]}</span>
          <SeverityMark severity={finding.severity} />
          <Sureness confidence={finding.confidence} />
        </p>
        <h3 id={headId}>{finding.title || titled(finding.cause)}</h3>
        {finding.summary !== headline && <p class="summary">{finding.summary}</p>}
        <p class="facts">
          {finding.since !== null && <span>since step {digits(finding.since)}</span>}
          <span>stage {finding.stage}</span>
          {finding.where.length > 0 && <Where names={finding.where} />}
          {source.explains(finding.cause) && (
            <button type="button" class="link" onClick={() => openCause(finding.cause)}>
              About this cause
            </button>
          )}
        </p>
      </header>
      {open ? (
        <Body finding={finding} group={group} />
      ) : (
        <Fold title={finding.remedies.length ? "Evidence and what to do" : "Evidence"} class="body-fold">
          <Body finding={finding} group={group} />
        </Fold>
      )}
      {consequences.length > 0 && (
        <section class="chain" aria-label={`What follows from: ${finding.title}`}>
          <p class="chain-head">which led to</p>
          <ol>
            {consequences.map((each) => (
              <li key={each.finding.cause}>
                <FindingCard chain={each} group={group} source={source} open={false} />
              </li>
            ))}
          </ol>
        </section>
      )}
    </article>
  );
}

const MOST_PLACES = 6;

function Where({ names }: { names: readonly string[] }) {
  const more = names.length - MOST_PLACES;
  return (
    <span class="where">
      in{" "}
      {names.slice(0, MOST_PLACES).map((name) => (
        <code key={name}>{name}</code>
      ))}
      {more > 0 && <span title={names.join(", ")}>and {more} more</span>}
    </span>
  );
}

function Body({ finding, group }: { finding: Ranked; group: string }) {
  const [primary, ...further] = finding.evidence;
  return (
    <div class="finding-body">
      <div class="finding-evidence">
        {primary && <EvidenceView evidence={primary} group={group} where={finding.where} />}
        {further.length > 0 && (
          <Fold title={`${plural(further.length, "more picture")} of evidence`}>
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

function Remedies({ remedies }: { remedies: readonly Remedy[] }) {
  return (
    <section class="remedies">
      <h4>What to do</h4>
      <ol>
        {remedies.map((remedy) => (
          <li key={remedy.action}>
            <p>{remedy.action}</p>
            {remedy.code && <Code>{remedy.code}</Code>}
            {remedy.expect && (
              <p class="expect">
                <b>If that is it:</b> {remedy.expect}
              </p>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
