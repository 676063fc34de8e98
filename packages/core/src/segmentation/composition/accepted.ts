/** Room: segmentation. Which findings people have accepted, for whom and until when. What is accepted for one agent is not for the next. */
import type { Acceptance, PolicyFinding } from '../../wire/policy-analysis.ts';

export type Standing =
  | { readonly state: 'open' }
  | { readonly state: 'accepted'; readonly by: Acceptance }
  /** It was accepted, until a day that is over. */
  | { readonly state: 'expired'; readonly by: Acceptance }
  /** Accepted for others: these agents hold it, too. */
  | { readonly state: 'grown'; readonly by: Acceptance; readonly agents: readonly string[] };

type Named = Pick<PolicyFinding, 'id' | 'agents'>;

const dayMs = 24 * 60 * 60_000;
/** The day itself still counts. */
const isOver = ({ until }: Acceptance, nowMs: number): boolean => Date.parse(until) + dayMs <= nowMs;

function notCovered({ agents }: Named, by: Acceptance): string[] {
  if (by.agents === 'all') return [];
  const others = agents.names.filter((name) => !by.agents.includes(name));
  // Who is not listed cannot be looked up.
  return agents.count > agents.names.length ? [...others, 'agents that are not listed'] : others;
}

/** How a finding stands. Of several acceptances of it, the first that covers it; else the one that tells most. */
export function standingOf(finding: Named, acceptances: readonly Acceptance[], nowMs: number): Standing {
  let best: Standing = { state: 'open' };
  for (const by of acceptances) {
    if (by.finding !== finding.id) continue;
    if (isOver(by, nowMs)) {
      if (best.state === 'open') best = { state: 'expired', by };
      continue;
    }
    const agents = notCovered(finding, by);
    if (agents.length === 0) return { state: 'accepted', by };
    best = { state: 'grown', by, agents };
  }
  return best;
}
