/** Room: segmentation (S-1, S-2). All dangerous combinations of a fleet, the worst first, in an order that depends on nothing but the rights. */
import { findingsAcross } from './across.ts';
import { type Finding, findingKinds, type Held, severities } from './finding.ts';
import type { AgentGroup, Freedom } from './rights.ts';
import { findingsWithin } from './within.ts';

/** The same tools with the same freedom may be determined by other policies at another level: all of them are named. */
const bothHeld = (a: readonly Held[], b: readonly Held[], agents: readonly string[]): Held[] =>
  a.map(({ right }, at) => ({
    agents,
    right: {
      ...right,
      policies: [...new Set([...right.policies, ...(b[at]?.right.policies ?? [])])].sort(),
    },
  }));

/** Two groups with the same combination are one finding. */
function joined(a: Finding, b: Finding): Finding {
  const agents = [...new Set([...a.agents, ...b.agents])].sort();
  const part = (name: 'sources' | 'untrusted' | 'sinks' | 'cut') => bothHeld(a[name], b[name], agents);
  return {
    ...a,
    agents,
    involved: agents,
    sources: part('sources'),
    untrusted: part('untrusted'),
    sinks: part('sinks'),
    cut: part('cut'),
    path: a.path.map((step) => (step.kind === 'right' ? { ...step, agents } : step)),
  };
}

const rank = ({ severity, kind }: Finding): number =>
  (severities.length - severities.indexOf(severity)) * findingKinds.length + findingKinds.indexOf(kind);
const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export interface Analysis {
  readonly findings: readonly Finding[];
  /** Groups between which something was seen and not looked into. */
  readonly more: number;
}

/** `through`: the least freedom that counts; what takes more than that is a break. Yields often. */
export function* analyze(groups: readonly AgentGroup[], through: Freedom): Generator<void, Analysis> {
  const found = new Map<string, Finding>();
  for (const group of groups) {
    yield;
    for (const finding of findingsWithin(group, through)) {
      const known = found.get(finding.id);
      found.set(finding.id, known === undefined ? finding : joined(known, finding));
    }
  }
  const across = yield* findingsAcross(groups, through);
  const findings = [...found.values(), ...across.findings].sort(
    (a, b) => rank(a) - rank(b) || text(a.agents[0] ?? '', b.agents[0] ?? '') || text(a.id, b.id),
  );
  return { findings, more: across.more };
}
