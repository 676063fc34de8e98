/**
 * Packages of others that look for the same, asked on the same rows as our detectors. Each says yes or no of a text, or how sure it is. `redact-pii` is no dependency (it
 * brings a hundred and forty packages, two with scripts of their own); it is measured where it is installed beside this project (`npm i --no-save redact-pii`).
 */
import { createRequire } from 'node:module';
import { ContextPoisoningDetector } from '@microsoft/agent-governance-sdk';
import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';

/** How sure it is that a text holds what is looked for; 0: it found nothing. */
export type Score = (text: string) => number | Promise<number>;

const rules = [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }];

export const secretlint: Score = async (text) => {
  const source = { content: text, filePath: 'text.txt', ext: '.txt', contentType: 'text' as const };
  const { messages } = await lintSource({ source, options: { config: { rules }, noPhysicFilePath: true } });
  return messages.length;
};

const severities = ['low', 'medium', 'high', 'critical'];
const poisoning = new ContextPoisoningDetector();
export const agentGovernance: Score = (content) =>
  poisoning
    .scanEntry({ entryId: '1', sessionId: '1', agentId: '1', role: 'tool', content, timestamp: '' })
    .reduce((most, { severity }) => Math.max(most, severities.indexOf(severity) + 1), 0);

/** Names of its rules, and of ours that look for the same. */
const rulesOfRedactPii: Readonly<Record<string, string>> = {
  'pii.email': 'emailAddress',
  'pii.card': 'creditCardNumber',
  'pii.ip': 'ipAddress',
  'pii.us_ssn': 'usSocialSecurityNumber',
  'pii.phone': 'phoneNumber',
};
const allOfRedactPii = [
  ...Object.values(rulesOfRedactPii),
  ...['names', 'username', 'password', 'credentials', 'streetAddress', 'zipcode', 'url', 'digits'],
];

/** What one rule of redact-pii leaves of a text; undefined: it is not installed, or has no such rule. */
export function redactPii(id: string): ((text: string) => string) | undefined {
  const rule = rulesOfRedactPii[id];
  if (rule === undefined) return undefined;
  try {
    const { SyncRedactor } = createRequire(import.meta.url)('redact-pii') as {
      SyncRedactor: new (options: object) => { redact: (text: string) => string };
    };
    const builtInRedactors = Object.fromEntries(
      allOfRedactPii.map((name) => [name, { enabled: name === rule }]),
    );
    const redactor = new SyncRedactor({ builtInRedactors });
    return (text) => redactor.redact(text);
  } catch {
    return undefined;
  }
}
