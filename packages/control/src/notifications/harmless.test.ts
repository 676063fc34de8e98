import { describe, expect, it } from 'vitest';
import { bounded, harmless, visible } from './harmless.ts';

describe('words of others', () => {
  it.each([
    ['see https://evil.example/x', 'see https[:]//evil[.]example/x'],
    ['www.evil.example', 'www[.]evil[.]example'],
    ['evil。example and evil．example', 'evil[.]example and evil[.]example'],
    ['mail me@evil.example', 'mail me[at]evil[.]example'],
    ['JavaScript:alert(1)', 'JavaScript[:]alert(1)'],
    ['@channel <!here>', '[at]channel <!here>'],
    ['EUR 12.50, at 10:30. Done', 'EUR 12.50, at 10:30. Done'],
  ])('%s', (given, shown) => {
    expect(harmless(given)).toBe(shown);
  });

  it('hides nothing and forges nothing: breaks, bidirectional and invisible characters, and the marks themselves', () => {
    expect(visible('a\r\nb\u202Ec\u200Bd⟨U+0041⟩\u00A0')).toBe(
      'a⟨U+000D⟩⟨U+000A⟩b⟨U+202E⟩c⟨U+200B⟩d⟨U+27E8⟩U+0041⟨U+27E9⟩⟨U+00A0⟩',
    );
    expect(visible(`a${'\u0301'.repeat(6)}`)).toBe(`a${'\u0301'.repeat(4)}⟨U+0301⟩⟨U+0301⟩`);
  });

  it('says what it cuts, and cuts no character in two', () => {
    expect(bounded('😀😀😀', 2)).toBe('😀😀 ⟨cut here: 1 more characters, in the console⟩');
    expect(bounded('short', 5)).toBe('short');
  });
});
