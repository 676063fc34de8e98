import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Classification } from '../wire/documents.ts';
import type { ToolDoc } from '../wire/feed.ts';
import { isWithin, labelsOfTool } from './flow.ts';
import { ofAnyResource, ofResource } from './resource-classes.ts';
import { standsFor } from './resource-uri.ts';

const classification: Classification = {
  class: 'read',
  sensitivity: 'internal',
  outputTrust: 'untrusted',
  domain: 'library',
  reversible: true,
  idempotent: true,
  writeSafe: false,
  arguments: {},
  by: 'person',
  resources: [
    { address: 'library://books/hr/', sensitivity: 'restricted', outputTrust: 'trusted' },
    { address: 'library://books/hr/rules', sensitivity: 'public', outputTrust: 'trusted' },
    { address: 'library://books/41', sensitivity: 'confidential', outputTrust: 'untrusted' },
  ],
};
const template = {
  server: 'library',
  name: 'template:library://books/{+path}',
  classification,
} as unknown as ToolDoc;
const labelsOf = (uri: string) => labelsOfTool(ofResource(template, { uri }));
const of = (confidentiality: string, integrity: string) => ({ confidentiality, integrity });

describe('an address under a template', () => {
  it.each([
    ['of which nothing is said is what the template is', 'library://books/7', of('internal', 'untrusted')],
    ['below one is what that is', 'library://books/hr/pay', of('restricted', 'trusted')],
    ['has the longest that it has', 'library://books/hr/rules', of('public', 'trusted')],
    ['may be one alone', 'library://books/41', of('confidential', 'untrusted')],
    ['is no other that begins the same', 'library://books/411', of('internal', 'untrusted')],
    ['is as strict in another case', 'library://books/HR/pay', of('restricted', 'untrusted')],
    ['with encoded letters', 'library://books/%68r/pay', of('restricted', 'untrusted')],
    ['with a slash more', 'library://books//hr/pay', of('restricted', 'untrusted')],
    ['with something behind it', 'library://books/41?x=1', of('confidential', 'untrusted')],
    ['without the last slash', 'library://books/hr', of('restricted', 'untrusted')],
    ['and where nobody can read it', 'library://books/%ff', of('restricted', 'untrusted')],
    [
      'and gets nothing milder by looking like a milder one',
      'library://books/HR/rules',
      of('restricted', 'untrusted'),
    ],
  ])('%s', (_what, uri, labels) => {
    expect(labelsOf(uri)).toEqual(labels);
  });

  it('takes no list of addresses into the record, and no longer one into the next decision', () => {
    const { resources, ...rest } = ofResource(template, { uri: 'library://books/7' }).classification;
    expect(resources).toBeUndefined();
    expect(
      ofResource({ ...template, classification: rest }, { uri: 'library://books/hr/pay' }).classification,
    ).toEqual(rest);
  });

  it('that is not known is the worst that it may be', () => {
    expect(labelsOfTool(ofAnyResource(template))).toEqual(of('restricted', 'untrusted'));
  });

  it('is never more harmless in another spelling than letter by letter', () => {
    const spelling = fc.constantFrom('hr/pay', 'hr/', '41').chain((path) =>
      fc
        .tuple(
          fc.array(fc.constantFrom('plain', 'upper', 'percent'), { minLength: 6, maxLength: 6 }),
          fc.constantFrom('', '/', '?a', '#b', ';c'),
        )
        .map(([hows, behind]) => ({
          path,
          spelt:
            [...path]
              .map((char, at) => {
                if (hows[at] === 'upper') return char.toUpperCase();
                const isLetter = /[a-z0-9]/.test(char);
                return hows[at] === 'percent' && isLetter ? `%${char.charCodeAt(0).toString(16)}` : char;
              })
              .join('') + behind,
        })),
    );
    fc.assert(
      fc.property(spelling, ({ path, spelt }) => {
        const { confidentiality } = labelsOf(`library://books/${path}`);
        expect(
          isWithin({ confidentiality, integrity: 'trusted' }, labelsOf(`library://books/${spelt}`)),
        ).toBe(true);
      }),
    );
  });
});

describe('what may be said of a template', () => {
  it.each([
    ['library://books/41', true],
    ['library://books/hr/', true],
    ['library://', true],
    ['library:///', false],
    ['library://books/', true],
    ['library://films/', false],
    ['library://books/../x/', false],
    ['other://books/41', false],
  ])('%s', (address, is) => {
    expect(standsFor('library://books/{+path}', address)).toBe(is);
  });
});
