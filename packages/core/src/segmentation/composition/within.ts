/** Room: segmentation (S-1, S-2). What the rights of one agent, or of several with equal rights, make possible together. Needs nobody else. */
import {
  betweenOf,
  type Finding,
  findingId,
  freedomOf,
  type Held,
  severities,
  severityOf,
  type Step,
  type Weighed,
} from './finding.ts';
import {
  type AgentGroup,
  type Freedom,
  givesPrivate,
  givesUntrusted,
  isAtLeast,
  isDangerous,
  isOutward,
  moreFree,
  type Right,
} from './rights.ts';

/** What sources and sinks of one kind differ in, as far as severity goes: a few dozen forms, however many rights there are. */
function forms(rights: readonly Right[]): Right[] {
  const seen = new Map<string, Right>();
  for (const right of rights) {
    const { tool, freedom, untrusted } = right;
    const form = `${tool.sensitivity} ${tool.class} ${tool.amount} ${freedom} ${untrusted}`;
    if (!seen.has(form)) seen.set(form, right);
  }
  return [...seen.values()];
}

export const worse = (a: Weighed, b: Weighed): boolean =>
  severities.indexOf(severityOf(a)) > severities.indexOf(severityOf(b)) ||
  (severityOf(a) === severityOf(b) && betweenOf(a).length < betweenOf(b).length);

/** The worst pair of a source and a sink, the first of those that are as bad. */
function worstOf(
  kind: Weighed['kind'],
  sources: readonly Right[],
  sinks: readonly Right[],
  also: Freedom = 'alone',
): Weighed | undefined {
  let worst: Weighed | undefined;
  for (const source of forms(sources))
    for (const sink of forms(sinks)) {
      const pair = { kind, source, sink, freedom: freedomOf([source, sink, { ...sink, freedom: also }]) };
      if (worst === undefined || worse(pair, worst)) worst = pair;
    }
  return worst;
}

/**
 * The smallest set of rights that leaves nothing of it: what is left without it holds one of each part, unless all of one part are gone. So it is the smallest
 * part; of parts as small, the one that is rights on tables, because that is less than a tool, then the first.
 */
function smallestPart(...parts: readonly (readonly Right[])[]): readonly Right[] {
  const tools = (rights: readonly Right[]) => rights.filter(({ tool }) => tool.table === undefined).length;
  return parts.toSorted((a, b) => a.length - b.length || tools(a) - tools(b))[0] ?? [];
}

export interface Parts {
  readonly kept: readonly Right[];
  readonly private: readonly Right[];
  readonly untrusted: readonly Right[];
  readonly outward: readonly Right[];
  readonly dangerous: readonly Right[];
}

/** What the rights that are at least as free as `through` are to a combination. */
export function partsOf({ rights }: AgentGroup, through: Freedom): Parts {
  const kept = rights.filter(({ freedom }) => freedom !== 'never' && isAtLeast(freedom, through));
  const those = (is: (tool: Right['tool']) => boolean) => kept.filter(({ tool }) => is(tool));
  return {
    kept,
    private: those(givesPrivate),
    untrusted: those(givesUntrusted),
    outward: those(isOutward),
    dangerous: those(isDangerous),
  };
}

const freest = (rights: readonly Right[]): Freedom =>
  rights.reduce<Freedom>((most, { freedom }) => moreFree(most, freedom), 'never');

interface Made {
  readonly worst: Weighed;
  readonly sources: readonly Right[];
  readonly untrusted?: readonly Right[];
  readonly sinks: readonly Right[];
  readonly cut: readonly Right[];
}

function findingOf({ agents }: AgentGroup, { worst, sources, untrusted = [], sinks, cut }: Made): Finding {
  const held = (rights: readonly Right[]): Held[] => rights.map((right) => ({ agents, right }));
  const step = (part: 'source' | 'untrusted' | 'sink', right: Right): Step => ({
    kind: 'right',
    part,
    agents,
    right,
  });
  const led = untrusted.find(({ freedom }) => freedom === freest(untrusted));
  return {
    id: findingId(worst.kind, [held(sources), held(untrusted), held(sinks)]),
    kind: worst.kind,
    severity: severityOf(worst),
    agents,
    involved: agents,
    sources: held(sources),
    untrusted: held(untrusted),
    sinks: held(sinks),
    path: [
      ...(led === undefined ? [] : [step('untrusted', led)]),
      step('source', worst.source),
      step('sink', worst.sink),
    ],
    between: betweenOf(worst),
    cut: held(cut),
    cutStarts: [],
  };
}

/** All that is found in one group, at most one finding of each kind. */
export function findingsWithin(group: AgentGroup, through: Freedom): Finding[] {
  const parts = partsOf(group, through);
  const { private: secret, untrusted, outward, dangerous } = parts;
  const found: Finding[] = [];
  const trifecta = worstOf('trifecta', secret, outward, freest(untrusted));
  if (trifecta !== undefined && untrusted.length > 0) {
    const cut = smallestPart(outward, untrusted, secret);
    found.push(findingOf(group, { worst: trifecta, sources: secret, untrusted, sinks: outward, cut }));
  }
  const leak = worstOf('leak', secret, outward);
  if (leak !== undefined)
    found.push(
      findingOf(group, { worst: leak, sources: secret, sinks: outward, cut: smallestPart(outward, secret) }),
    );
  const hijack = worstOf('hijack', untrusted, dangerous);
  if (hijack !== undefined)
    found.push(
      findingOf(group, {
        worst: hijack,
        sources: untrusted,
        sinks: dangerous,
        cut: smallestPart(dangerous, untrusted),
      }),
    );
  return found;
}
