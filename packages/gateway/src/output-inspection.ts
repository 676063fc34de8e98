/**
 * Room: data (D-4). What stands in what an agent sends, writes or answers, beside sensitive data: the language of insults, links that carry data out, and what the
 * company's own rules name. As facts of the decision; nothing that was found leaves this file but under its label.
 */
import { wholeOutput } from '@atf/core/data/output/defaults';
import { carriedBy, type GivenValues, isGrave, type Link, linksIn } from '@atf/core/data/output/links';
import { type CompiledRule, compileRule } from '@atf/core/data/output/rules';
import type { OutputRule } from '@atf/core/wire/output';
import type { SettingsDoc } from '@atf/core/wire/feed';
import type { ActionClass, Level } from '@atf/core/wire/words';
import type { DetectorVerdict } from '@atf/core/world';
import { WorstScore } from './models.ts';

const encoded = /[A-Za-z0-9+/=]{48,}/g;
/** Shorter lines say nothing by themselves. */
const lineMin = 3;
/** Links of one call; of one with more nobody has looked at all. */
const linksMax = 200;

/** Of these verdicts in records: raised when what is found changes. */
const version = '1';

/** A text as an inspection hears it (core/data/inspect.ts): readable, decoded, in pieces. */
export class Said {
  readonly toxicity = new WorstScore('toxicity');
  readonly links = new Map<string, Link>();
  readonly pieces: string[] = [];
  /** Answers of rules, for the rules that were asked. */
  rules: { readonly of: readonly OutputRule[]; readonly found: readonly CompiledRule[] } | undefined;

  readonly hear = (piece: string): void => {
    this.pieces.push(piece);
    // Encoded bytes are no words.
    const words = piece.replace(encoded, ' ');
    this.toxicity.hear(words);
    // Other fields and lines water an insult down.
    const lines = words.split('\n').filter((line) => line.length >= lineMin);
    if (lines.length > 1) for (const line of lines) this.toxicity.hear(line);
    for (const link of linksIn(piece)) {
      if (link === undefined) continue;
      if (this.links.size >= linksMax) return;
      this.links.set(`${link.image} ${link.url}`, link);
    }
  };
}

export interface OutputQuestion {
  readonly action: ActionClass;
  readonly level: Level;
  readonly settings: Pick<SettingsDoc, 'output'> | undefined;
  readonly isSensitive: (text: string) => boolean;
  /** Absent: it does not matter. */
  readonly given?: GivenValues | undefined;
}

const compiled = new WeakMap<readonly OutputRule[], readonly CompiledRule[]>();

/** Control has checked them; a rule that this gateway cannot read finds everything, so that it is noticed. */
function compiledRules(rules: readonly OutputRule[]): readonly CompiledRule[] {
  const known = compiled.get(rules);
  if (known !== undefined) return known;
  const made = rules.map((rule): CompiledRule => {
    try {
      return compileRule(rule);
    } catch {
      return { ...rule, find: () => true };
    }
  });
  compiled.set(rules, made);
  return made;
}

function rulesFoundIn(heard: Said, rules: readonly OutputRule[]): readonly CompiledRule[] {
  if (heard.rules?.of === rules) return heard.rules.found;
  const found = compiledRules(rules).filter(({ find }) => heard.pieces.some(find));
  heard.rules = { of: rules, found };
  return found;
}

const says = (name: string, verdict: DetectorVerdict['verdict'], label: string): DetectorVerdict => ({
  detector: `output.${name}`,
  version,
  verdict,
  labels: [label],
});

/** Whether others read it: then its tone matters. */
const isSaid = (action: ActionClass): boolean => action === 'send' || action === 'write';

export function outputVerdicts(heard: Said, question: OutputQuestion): DetectorVerdict[] {
  const { action, level, settings } = question;
  const { toxicity, rules } = wholeOutput(settings?.output);
  const verdicts: DetectorVerdict[] = [];
  if (isSaid(action)) {
    const { score, verdict } = heard.toxicity.worst;
    const { review, block } = toxicity[level];
    const does = block < 1 && score >= block ? 'block' : score >= review ? 'review' : 'label';
    if (does !== 'label' || verdict !== 'clear') verdicts.push(says('toxicity', does, 'toxic'));
    if (heard.toxicity.unchecked) verdicts.push(says('toxicity', 'block', 'unchecked'));
  }
  const links = linkVerdict(heard, question);
  if (links !== undefined) verdicts.push(links);
  if (rules.length > 0) {
    for (const { name, does, label = name, levels, classes } of rulesFoundIn(heard, rules)) {
      const binds = (levels?.includes(level) ?? true) && (classes?.includes(action) ?? isSaid(action));
      if (binds) verdicts.push(says(`rule.${name}`, does, label));
    }
  }
  return verdicts;
}

/** A call that only reads tells the server of its address as well, so what is grave is not left to the class of the tool. */
function linkVerdict(heard: Said, question: OutputQuestion): DetectorVerdict | undefined {
  if (heard.links.size === 0) return undefined;
  const { action, settings, isSensitive, given } = question;
  const { hosts, sent } = wholeOutput(settings?.output).links;
  let found = false;
  for (const link of heard.links.values()) {
    const carrying = carriedBy(link, { hosts, isSensitive, given });
    if (carrying === undefined) continue;
    if (action === 'send' || isGrave(carrying)) return says('link', sent, 'exfiltration');
    found = true;
  }
  if (heard.links.size >= linksMax) return says('link', action === 'send' ? sent : 'label', 'unchecked');
  return found ? says('link', 'label', 'exfiltration') : undefined;
}
