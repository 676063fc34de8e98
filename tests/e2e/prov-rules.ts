/** The rules of PROV-JSON (W3C Member Submission, 24 April 2013) for the statements that ATF writes, as far as a program can hold a document to them. */
import { isJsonObject, type Json } from '@atf/core/wire/json';

const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?$/;
const qualified = /^(?:([A-Za-z][\w-]*):)(?:[A-Za-z0-9._/-]|%[0-9A-F]{2})+$/;
const blank = /^_:[A-Za-z0-9]+$/;

/** Which attributes a relation must have, and what each of them names. */
const relations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  used: { 'prov:activity': 'activity', 'prov:entity': 'entity' },
  wasGeneratedBy: { 'prov:entity': 'entity', 'prov:activity': 'activity' },
  wasDerivedFrom: { 'prov:generatedEntity': 'entity', 'prov:usedEntity': 'entity' },
  wasAssociatedWith: { 'prov:activity': 'activity', 'prov:agent': 'agent' },
  wasInformedBy: { 'prov:informed': 'activity', 'prov:informant': 'activity' },
  actedOnBehalfOf: { 'prov:delegate': 'agent', 'prov:responsible': 'agent' },
  wasInfluencedBy: { 'prov:influencee': 'any', 'prov:influencer': 'any' },
};
const elements: Readonly<Record<string, readonly string[]>> = {
  entity: [],
  activity: ['prov:startTime', 'prov:endTime'],
  agent: [],
};

export function provProblems(document: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  const prefixes = new Set(['prov']);
  const { prefix, ...sections } = document;
  for (const [name, iri] of Object.entries((prefix ?? {}) as Record<string, unknown>)) {
    prefixes.add(name);
    if (typeof iri !== 'string' || !/^[a-z][a-z0-9+.-]*:/.test(iri)) problems.push(`prefix ${name}: no IRI`);
  }
  const isName = (text: string): boolean => prefixes.has(qualified.exec(text)?.[1] ?? '');
  const idsOf = (section: string) => new Set(Object.keys((sections[section] ?? {}) as object));
  const known = { entity: idsOf('entity'), activity: idsOf('activity'), agent: idsOf('agent') };
  const isKnown = (kind: string, id: string): boolean =>
    kind === 'any'
      ? Object.values(known).some((ids) => ids.has(id))
      : (known[kind as keyof typeof known]?.has(id) ?? false);
  for (const [section, statements] of Object.entries(sections)) {
    const needs = relations[section];
    if (needs === undefined && elements[section] === undefined)
      problems.push(`${section}: no section of PROV`);
    if (!isJsonObject(statements as Json)) problems.push(`${section}: no object`);
    for (const [id, attributes] of Object.entries(statements as Record<string, Record<string, unknown>>)) {
      if (needs === undefined ? !isName(id) : !blank.test(id) && !isName(id))
        problems.push(`${section} ${id}: no name`);
      for (const [name, value] of Object.entries(attributes)) {
        if (!isName(name)) problems.push(`${section} ${id} ${name}: no name`);
        if (typeof value !== 'string') problems.push(`${section} ${id} ${name}: no text`);
        if (elements[section]?.includes(name) && !dateTime.test(String(value)))
          problems.push(`${section} ${id} ${name}: no time`);
      }
      for (const [name, kind] of Object.entries(needs ?? {}))
        if (!isKnown(kind, String(attributes[name])))
          problems.push(`${section} ${id} ${name}: names no ${kind}`);
    }
  }
  return problems;
}
