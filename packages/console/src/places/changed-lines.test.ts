import { expect, it } from 'vitest';
import { changedLines } from './changed-lines.ts';

it.each<[string, string, string]>([
  ['a\nb\nc', 'a\nB\nc', '  a\n- b\n+ B\n  c'],
  ['', 'new', '- \n+ new'],
  ['1\n2\n3\n4\n5', '1\n2\n3\n4\n5\n6', '  3\n  4\n  5\n+ 6'],
  ['x\nx', 'x', '  x\n- x'],
  ['same', 'same', '  same'],
])('%j to %j', (before, after, wanted) => expect(changedLines(before, after)).toBe(wanted));
