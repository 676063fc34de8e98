import { describe, expect, it } from 'vitest';
import { sensitiveSchema } from '../wire/sensitive.ts';
import { tokensPerCallMax, tokensPerResultMax } from '../wire/tokens.ts';
import { inspect } from './inspect.ts';
import { isGivenTo, tokenIn, Tokenising, tokensToGive, tokenText, withValues } from './tokens.ts';

const token = `tok_${'a2'.repeat(13)}`;
const other = `tok_${'b3'.repeat(13)}`;
const settings = sensitiveSchema.parse({
  masked: { intern: ['PII'], junior: ['PII'], senior: ['PII'], principal: ['PII'] },
  neverSent: [],
  tokens: { givenTo: [{ tool: 'office/send', argument: 'to', of: ['pii.email'] }] },
});

describe('a token', () => {
  it.each([`${token}@email.invalid`, `[PHONE:${token}]`])('is one alone: %s', (text) => {
    expect(tokenIn(text)).toBe(token);
  });
  it.each([
    [`mail ${token}@email.invalid`],
    [`${token}@email.invalid.example.com`],
    [`${token}@email.invalid\n`],
    [token],
    [`[PHONE:${token.toUpperCase()}]`],
    [`[PHONE:${token}] [PHONE:${other}]`],
  ])('is none within something else: %s', (text) => {
    expect(tokenIn(text)).toBeUndefined();
  });
});

describe('what is masked', () => {
  const looks = (of: Tokenising) => ({ channel: 'read', mask: () => true, instead: of.instead }) as const;

  it('becomes a token once it is known, the same for the same value; what is behind an encoding does not', () => {
    const address = 'ada@example.org';
    const encoded = Buffer.from(`it was ${address}`).toString('base64');
    const text = `${address}, ${address}, ${encoded}`;
    const of = new Tokenising(() => true);
    expect(inspect(text, looks(of)).value).toBe('[EMAIL], [EMAIL], [EMAIL]');
    const fresh = of.fresh();
    expect(fresh).toEqual([{ detector: 'pii.email', value: address }]);
    expect(of.fresh()).toEqual([]);
    of.know(fresh, [token]);
    const tokens = `${token}@email.invalid`;
    expect(inspect(text, looks(of)).value).toBe(`${tokens}, ${tokens}, [EMAIL]`);
    // A token that comes back is not wrapped into another.
    expect(inspect(`to ${tokens}`, looks(new Tokenising(() => true))).value).toBe(`to ${tokens}`);
  });

  it('keeps its placeholder where nothing is kept, beyond the bound, and where settings do not say so', () => {
    const of = new Tokenising(() => true);
    const many = Array.from({ length: tokensPerResultMax + 5 }, (_, at) => `a${at}@example.org`);
    inspect(many, looks(of));
    const fresh = of.fresh();
    expect(fresh.length).toBe(tokensPerResultMax);
    of.know(fresh, [null]);
    expect(inspect('a0@example.org', looks(of)).value).toBe('[EMAIL]');
    const none = new Tokenising(() => false);
    inspect(many, looks(none));
    expect(none.fresh()).toEqual([]);
  });
});

describe('arguments', () => {
  const to = tokenText(token, 'EMAIL');

  it('hold tokens to turn back where settings name tool and argument, as a whole value only', () => {
    const args = { to: [to, `x ${to}`], body: to, cc: to };
    expect(tokensToGive(settings, 'office/send', args)).toEqual([{ argument: 'to', token }]);
    expect(tokensToGive(settings, 'office/read', args)).toEqual([]);
    expect(tokensToGive({}, 'office/send', args)).toEqual([]);
    expect(tokensToGive(settings, 'office/send', { to: { to } })).toEqual([]);
    const many = Array.from({ length: 100 }, () => to);
    expect(tokensToGive(settings, 'office/send', { to: many }).length).toBe(tokensPerCallMax + 1);
  });

  it('are given the value there and nowhere else', () => {
    const given = [{ argument: 'to', token, value: 'ada@example.org' }];
    expect(withValues({ to, body: to }, given)).toEqual({ to: 'ada@example.org', body: to });
    expect(withValues({ to: [to, 'b'] }, given)).toEqual({ to: ['ada@example.org', 'b'] });
    expect(isGivenTo(settings, 'office/send', 'to', { id: 'pii.email', category: 'PII' })).toBe(true);
    expect(isGivenTo(settings, 'office/send', 'to', { id: 'pii.phone', category: 'PII' })).toBe(false);
    expect(isGivenTo(settings, 'office/send', 'body', { id: 'pii.email', category: 'PII' })).toBe(false);
  });
});
