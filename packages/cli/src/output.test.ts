import { describe, expect, it } from 'vitest';
import { Output, style } from './output.ts';
import { textWidth, wrap } from './text-width.ts';

function output(
  options: { json?: boolean; tty?: boolean; columns?: number; env?: Record<string, string> } = {},
) {
  const written: string[] = [];
  const errors: string[] = [];
  const stdout = {
    write: (text: string) => written.push(text),
    isTTY: options.tty ?? false,
    columns: options.columns,
  };
  const out = new Output({
    json: options.json ?? false,
    stdout,
    stderr: { write: (text: string) => errors.push(text) },
    env: options.env ?? {},
  });
  return { out, text: () => written.join(''), errors: () => errors.join('') };
}
const long =
  'Reads the back office and reports what stands out: late orders, unusual refunds, customers who need a call.';

describe('output', () => {
  it('renders every value in a sentence as untrusted, and keeps our own words', () => {
    const { out, text } = output({ tty: true });
    out.say`Agent ${'a\u001b[31m'} has ${3} calls, ${style('red', 'stop\u202e')}`;
    expect(text()).toBe('Agent a⟨U+001B⟩[31m has 3 calls, \u001b[31mstop⟨U+202E⟩\u001b[39m\n');
  });

  it.each([
    ['no terminal', { tty: false }],
    ['NO_COLOR', { tty: true, env: { NO_COLOR: '1' } }],
    ['a dumb terminal', { tty: true, env: { TERM: 'dumb' } }],
  ])('has no colours with %s', (_, options) => {
    const { out, text } = output(options);
    out.say`${style('green', 'yes')}`;
    expect(text()).toBe('yes\n');
  });

  it('prints documents only with --json, and then nothing else on standard output', () => {
    const { out, text, errors } = output({ json: true });
    out.say`words`;
    out.block('words');
    out.table([{ title: 'A' }], [['x']]);
    out.document({ a: 1 });
    out.note`still told`;
    expect([text(), errors()]).toEqual(['{"a":1}\n', 'still told\n']);
  });

  it('fits tables into 80 columns and loses nothing', () => {
    const { out, text } = output();
    out.table(
      [{ title: 'TOOL' }, { title: 'N', align: 'right' }, { title: 'WHY' }],
      [
        ['back-office/create_refund', 12, long],
        ['x', 3, 'short'],
      ],
    );
    const lines = text().trimEnd().split('\n');
    expect(lines.every((line) => textWidth(line) <= 80)).toBe(true);
    expect(text().replaceAll(/\s+/g, ' ')).toContain('short');
    for (const word of long.split(' ')) expect(text()).toContain(word);
    expect(lines[0]).toMatch(/^TOOL +N {2}WHY$/);
  });

  it('breaks names after punctuation, and narrows what has words before it breaks any', () => {
    expect(wrap('back-office/cancel_refund', 14)).toEqual(['back-office/', 'cancel_refund']);
    const { out, text } = output();
    out.table(
      [{ title: 'CHECK' }, { title: '' }, { title: 'BECAUSE' }, { title: 'POLICIES' }],
      [['authorise', '✓ pass', long, 'levels.change_approved, levels.senior_acts']],
    );
    const lines = text().trimEnd().split('\n');
    expect(lines.every((line) => textWidth(line) <= 80)).toBe(true);
    for (const word of ['levels.change_approved,', 'levels.senior_acts', ...long.split(' ')])
      expect(text()).toContain(word);
  });

  it('breaks long words and counts wide characters as two columns', () => {
    expect(wrap('abcdefghij kl', 4)).toEqual(['abcd', 'efgh', 'ij', 'kl']);
    expect(textWidth('日本\u001b[31me\u0301\u001b[39m')).toBe(5);
  });
});
