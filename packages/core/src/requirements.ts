/**
 * The 25 core requirements of the Agentic Trust Framework 0.9.1 (public review draft, April 2026; specification CC BY 4.0, Josh Woodruff,
 * MassiveScale.AI), and how strongly each binds at which level. What ATF itself proves of them is `control/conformance`.
 */
import { type Level, levels } from './wire/words.ts';

export const elements = ['Identity', 'Behavior', 'Data', 'Segmentation', 'Incident response'] as const;
export type Element = (typeof elements)[number];
export type Binding = 'MUST' | 'SHOULD' | 'MAY';

export interface Requirement {
  readonly id: RequirementId;
  readonly name: string;
  readonly element: Element;
  /** What has to be true. */
  readonly says: string;
  readonly binds: Readonly<Record<Level, Binding>>;
}

const words = { M: 'MUST', S: 'SHOULD', o: 'MAY' } as const;

/** id, name, what has to be true, and one letter a level (Intern to Principal), as the specification's table has them. */
const table = [
  ['I-1', 'Unique identifier', 'Every agent instance has a globally unique id that never changes.', 'MMMM'],
  ['I-2', 'Credential binding', 'The identity is bound to cryptographic credentials.', 'SMMM'],
  ['I-3', 'Ownership chain', 'Who owns it and who is operationally responsible is on record.', 'MMMM'],
  ['I-4', 'Purpose declaration', 'Intended use and operational scope are on record.', 'MMMM'],
  [
    'I-5',
    'Capability manifest',
    'There is a machine-readable list of what the agent claims it can do.',
    'SSMM',
  ],
  ['B-1', 'Structured logging', 'Every action is logged in a machine-parseable form.', 'MMMM'],
  ['B-2', 'Action attribution', 'Every action is tied to agent identity and session.', 'MMMM'],
  ['B-3', 'Behavioral baseline', 'The normal pattern of operation is established.', 'SMMM'],
  ['B-4', 'Anomaly detection', 'Deviations from the baseline are found.', 'SSMM'],
  ['B-5', 'Explainability', 'The rationale of a decision can be retrieved.', 'oSMM'],
  ['D-1', 'Schema validation', 'Inputs have the expected structure and types.', 'SMMM'],
  ['D-2', 'Injection prevention', 'Prompt injection and adversarial input are detected.', 'SMMM'],
  ['D-3', 'PII/PHI protection', 'Sensitive data is found and masked automatically.', 'MMMM'],
  ['D-4', 'Output validation', 'Outputs have the expected structure and obey content policy.', 'oSMM'],
  ['D-5', 'Data lineage', "Provenance of data is tracked through the agent's pipeline.", 'oSSM'],
  ['S-1', 'Resource allowlist', 'Permitted resources are enumerated.', 'MMMM'],
  ['S-2', 'Action boundaries', 'Permitted actions are enumerated.', 'MMMM'],
  ['S-3', 'Rate limiting', 'There is a maximum of operations per period.', 'SMMM'],
  ['S-4', 'Transaction limits', 'There is a maximum impact per single action.', 'oSMM'],
  ['S-5', 'Blast radius', 'Cumulative impact and cascades are limited.', 'oSMM'],
  ['R-1', 'Circuit breaker', 'Repeated failures halt the agent automatically.', 'SMMM'],
  ['R-2', 'Kill switch', 'A person stops it at once, in under 1 second.', 'MMMM'],
  ['R-3', 'Session revocation', 'All sessions of an agent can be invalidated.', 'oSMM'],
  ['R-4', 'State rollback', 'Actions are undone where possible.', 'ooSM'],
  ['R-5', 'Graceful degradation', 'On trouble it falls back to lower autonomy.', 'oSMM'],
] as const;

export type RequirementId = (typeof table)[number][0];

const letters = {
  I: 'Identity',
  B: 'Behavior',
  D: 'Data',
  S: 'Segmentation',
  R: 'Incident response',
} as const;

function binding(marks: string): Record<Level, Binding> {
  const pairs = levels.map((level, at) => [level, words[marks[at] as keyof typeof words]] as const);
  return Object.fromEntries(pairs) as Record<Level, Binding>;
}

export const requirements: readonly Requirement[] = table.map(([id, name, says, marks]) => ({
  id,
  name,
  element: letters[id[0] as keyof typeof letters],
  says,
  binds: binding(marks),
}));
