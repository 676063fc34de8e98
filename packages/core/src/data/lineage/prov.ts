/**
 * Room: data (D-5). A graph of lineage as PROV-JSON (W3C submission of 2013-04-24): calls and sessions are activities, results, sources and tasks are entities, agents
 * are agents. What is sure becomes `used` and `wasDerivedFrom`; what a session had read before becomes `wasInfluencedBy`, which claims no more than that. Pure.
 */
import type { LineageEdge, LineageGraph, LineageNode } from '../../wire/lineage.ts';

type Attributes = Record<string, string>;
type Statements = Record<string, Attributes>;

/** A PROV-JSON document: kinds of statements, each by its identifier. */
export type ProvDocument = Readonly<Record<string, Readonly<Record<string, Attributes | string>>>>;

export const provNamespace = 'urn:atf:lineage:';

/** A local name may hold letters, digits and a few signs; everything else is percent-encoded. */
const local = (text: string): string =>
  text.replace(/[^A-Za-z0-9_./-]/gu, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );

const named = (kind: string, id: string): string => `atf:${kind}/${local(id)}`;
const resultOf = (id: string): string => named('result', id);

class Builder {
  readonly #sections = new Map<string, Statements>();
  #relations = 0;

  node(section: 'entity' | 'activity' | 'agent', id: string, attributes: Attributes): void {
    const own = this.#section(section);
    own[id] ??= attributes;
  }

  relation(section: string, attributes: Attributes): void {
    this.#relations += 1;
    this.#section(section)[`_:r${this.#relations}`] = attributes;
  }

  #section(name: string): Statements {
    const known = this.#sections.get(name) ?? {};
    this.#sections.set(name, known);
    return known;
  }

  document(): ProvDocument {
    return {
      prefix: { atf: provNamespace, xsd: 'http://www.w3.org/2001/XMLSchema#' },
      ...Object.fromEntries(this.#sections),
    };
  }
}

const isDone = ({ outcome }: LineageNode): boolean => outcome === 'done' || outcome === 'failed';

function addNode(to: Builder, node: LineageNode): void {
  const { kind, id, name, at, ended, agent, outcome, labels, sensitivity, trust } = node;
  if (kind === 'source')
    to.node('entity', named('source', id), { 'prov:type': 'atf:Source', 'prov:label': name });
  else if (kind === 'task') to.node('entity', named('task', id), { 'prov:type': 'atf:Task' });
  else {
    const activity = named(kind, id);
    to.node('activity', activity, {
      'prov:type': kind === 'action' ? 'atf:Action' : 'atf:Session',
      ...(kind === 'action' ? { 'prov:label': name } : {}),
      ...(at === undefined ? {} : { 'prov:startTime': at }),
      ...(ended === undefined ? {} : { 'prov:endTime': ended }),
      ...(outcome === undefined ? {} : { 'atf:outcome': outcome }),
      ...(node.class === undefined ? {} : { 'atf:class': node.class }),
    });
    if (agent !== undefined) {
      to.node('agent', named('agent', agent), { 'prov:type': 'prov:SoftwareAgent', 'prov:label': agent });
      to.relation('wasAssociatedWith', { 'prov:activity': activity, 'prov:agent': named('agent', agent) });
    }
    if (kind !== 'action' || !isDone(node)) return;
    to.node('entity', resultOf(id), {
      'prov:type': 'atf:Result',
      ...(labels === undefined ? {} : { 'atf:labels': labels.join(' ') }),
      ...(sensitivity === undefined ? {} : { 'atf:confidentiality': sensitivity }),
      ...(trust === undefined ? {} : { 'atf:integrity': trust }),
    });
    to.relation('wasGeneratedBy', { 'prov:entity': resultOf(id), 'prov:activity': activity });
  }
}

function addEdge(to: Builder, edge: LineageEdge, from: LineageNode, into: LineageNode): void {
  const activity = named(into.kind, into.id);
  const entity = from.kind === 'action' ? resultOf(from.id) : named(from.kind, from.id);
  switch (edge.join) {
    case 'value':
    case 'read':
      to.relation('used', {
        'prov:activity': activity,
        'prov:entity': entity,
        ...(edge.argument === undefined ? {} : { 'atf:argument': edge.argument }),
        ...(edge.origin === undefined ? {} : { 'atf:origin': edge.origin }),
      });
      if (isDone(into))
        to.relation('wasDerivedFrom', {
          'prov:generatedEntity': resultOf(into.id),
          'prov:usedEntity': entity,
          'prov:activity': activity,
        });
      return;
    case 'task':
      to.relation('used', { 'prov:activity': activity, 'prov:entity': entity });
      return;
    case 'given':
      to.relation('wasInfluencedBy', { 'prov:influencee': activity, 'prov:influencer': entity });
      return;
    case 'changed':
      to.relation('wasInfluencedBy', {
        'prov:influencee': named('source', into.id),
        'prov:influencer': named('action', from.id),
      });
      return;
    case 'made':
      if (edge.sure)
        to.relation('wasInformedBy', {
          'prov:informed': activity,
          'prov:informant': named(from.kind, from.id),
        });
      else
        to.relation('wasInfluencedBy', {
          'prov:influencee': activity,
          'prov:influencer': named(from.kind, from.id),
        });
      return;
    case 'delegated':
      to.relation('wasInformedBy', {
        'prov:informed': activity,
        'prov:informant': named('session', from.id),
      });
      if (from.agent !== undefined && into.agent !== undefined)
        to.relation('actedOnBehalfOf', {
          'prov:delegate': named('agent', into.agent),
          'prov:responsible': named('agent', from.agent),
          'prov:activity': activity,
        });
  }
}

export function provOf({ nodes, edges }: LineageGraph): ProvDocument {
  const builder = new Builder();
  const known = new Map(nodes.map((node) => [node.key, node]));
  for (const node of nodes) addNode(builder, node);
  for (const edge of edges) {
    const [from, into] = [known.get(edge.from), known.get(edge.to)];
    if (from === undefined || into === undefined) continue;
    // A value whose giver has no result on record yet comes from the call itself.
    if (from.kind === 'action' && !isDone(from))
      builder.node('entity', resultOf(from.id), { 'prov:type': 'atf:Result' });
    addEdge(builder, edge, from, into);
  }
  return builder.document();
}
