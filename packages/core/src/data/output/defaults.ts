/** Room: data (D-4). What holds for what leaves where settings say nothing, and which settings say less than others. */
import type { Output, OutputRule } from '../../wire/output.ts';
import { levels } from '../../wire/words.ts';

type Links = NonNullable<Output['links']>;

interface Whole {
  readonly toxicity: NonNullable<Output['toxicity']>;
  readonly links: Pick<Links, 'hosts' | 'sent'> & { readonly masked: NonNullable<Links['masked']> };
  readonly rules: readonly OutputRule[];
  readonly sample: NonNullable<Output['sample']>;
  readonly unsure: NonNullable<Output['unsure']>;
  readonly reviewHours: number;
}

const usual = { review: 0.5, block: 0.7 };

export const outputDefault: Whole = {
  toxicity: { intern: usual, junior: usual, senior: usual, principal: usual },
  links: {
    hosts: [],
    sent: 'block',
    masked: {
      intern: ['link', 'image'],
      junior: ['link', 'image'],
      senior: ['image'],
      principal: ['image'],
    },
  },
  rules: [],
  // What an Intern and a Junior change is released by a person, one by one.
  sample: { intern: 0, junior: 0.05, senior: 0.02, principal: 0.01 },
  // All that an Intern reads is looked at anyway, by policy.
  unsure: ['junior'],
  reviewHours: 24,
};

/** Settings with what they leave out. */
export function wholeOutput({ toxicity, links, rules, sample, unsure, reviewHours }: Output = {}): Whole {
  const usual = outputDefault.links;
  return {
    toxicity: toxicity ?? outputDefault.toxicity,
    links: links === undefined ? usual : { ...links, masked: links.masked ?? usual.masked },
    rules: rules ?? outputDefault.rules,
    sample: sample ?? outputDefault.sample,
    unsure: unsure ?? outputDefault.unsure,
    reviewHours: reviewHours ?? outputDefault.reviewHours,
  };
}

const strictness = ['label', 'review', 'block'] as const;
/** Whether what is done with a find lets more through. */
export const isWeaker = (was: (typeof strictness)[number], is: (typeof strictness)[number]) =>
  strictness.indexOf(is) < strictness.indexOf(was);

/** Everything of a rule but what it does: another one is another rule. */
const scopeOf = ({ does: _, ...scope }: OutputRule): string => JSON.stringify(Object.entries(scope).sort());

/** What is let through that was not before: one plain sentence each. */
export function looserOutput(before: Output | undefined, after: Output | undefined): string[] {
  const [was, is] = [wholeOutput(before), wholeOutput(after)];
  const says: string[] = [];
  for (const level of levels) {
    for (const figure of ['review', 'block'] as const)
      if (is.toxicity[level][figure] > was.toxicity[level][figure])
        says.push(
          `settings output.toxicity.${level}.${figure}: ${was.toxicity[level][figure]} becomes ${is.toxicity[level][figure]}`,
        );
    if (is.sample[level] < was.sample[level])
      says.push(`settings output.sample.${level}: ${was.sample[level]} becomes ${is.sample[level]}`);
    if (was.unsure.includes(level) && !is.unsure.includes(level))
      says.push(`settings output.unsure: ${level} is no longer looked at`);
    for (const kind of was.links.masked[level])
      if (!is.links.masked[level].includes(kind))
        says.push(`settings output.links.masked.${level}: ${kind} is no longer masked`);
  }
  if (is.reviewHours > was.reviewHours)
    says.push(`settings output.reviewHours: ${was.reviewHours} becomes ${is.reviewHours}`);
  if (isWeaker(was.links.sent, is.links.sent))
    says.push(`settings output.links.sent: ${was.links.sent} becomes ${is.links.sent}`);
  for (const host of is.links.hosts)
    if (!was.links.hosts.includes(host)) says.push(`settings output.links.hosts: ${host} is new in it`);
  for (const rule of was.rules) {
    const now = is.rules.find(({ name }) => name === rule.name);
    if (now === undefined) says.push(`settings output.rules: ${rule.name} is no longer in it`);
    else if (scopeOf(now) !== scopeOf(rule))
      says.push(`settings output.rules: ${rule.name} is about something else`);
    else if (isWeaker(rule.does, now.does))
      says.push(`settings output.rules: ${rule.name}: ${rule.does} becomes ${now.does}`);
  }
  return says;
}
