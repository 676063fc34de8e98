/** The import rules of ARCHITECTURE.md, read from the sources themselves. */
import { describe, expect, it } from 'vitest';
import { codeOf, sourceFiles, target } from './source-files.ts';

const packageOf = (path: string) => path.split('/')[1] ?? '';
const mayImport: Record<string, readonly string[]> = {
  core: [],
  control: ['core'],
  gateway: ['core'],
  sdk: ['core'],
  cli: ['core', 'sdk'],
  console: ['core', 'sdk'],
};
/** Of node:crypto, core may use what is a function of its arguments: no randomness, no key generation. */
const pureCrypto = new Set([
  'createHash',
  'createHmac',
  'createCipheriv',
  'createDecipheriv',
  'createPublicKey',
  'createPrivateKey',
  'createSecretKey',
  'hash',
  'sign',
  'verify',
  'timingSafeEqual',
  'KeyObject',
  'X509Certificate',
]);
const pureNode = new Set(['node:crypto', 'node:buffer', 'node:net']);
/** Of node:net, what only reads the text of an address. */
const pureNet = new Set(['BlockList', 'isIP', 'isIPv6']);

const all = sourceFiles('packages/*/src/**/*.{ts,tsx}');
const core = all.filter(({ path }) => packageOf(path) === 'core');

describe('imports', () => {
  it('reads real files', () => {
    expect(core.length).toBeGreaterThan(20);
    expect(core.some(({ imports }) => imports.length > 3)).toBe(true);
  });

  it.each(Object.keys(mayImport))('%s imports only the packages it may', (name) => {
    const wrong = all
      .filter(({ path }) => packageOf(path) === name)
      .flatMap((file) =>
        file.imports
          .filter((specifier) => specifier.startsWith('@atf/'))
          .map((specifier) => ({ file, specifier })),
      )
      .filter(({ specifier }) => !mayImport[name]?.includes(specifier.split('/')[1] ?? ''))
      .map(({ file, specifier }) => `${file.path} → ${specifier}`);
    expect(wrong).toEqual([]);
  });

  it('no relative import leaves its package', () => {
    const wrong = all.flatMap((file) =>
      file.imports
        .filter((specifier) => specifier.startsWith('.'))
        .filter((specifier) => packageOf(target(file, specifier)) !== packageOf(file.path))
        .map((specifier) => `${file.path} → ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('core uses no Node built-in that does I/O, and of crypto only pure functions', () => {
    const wrong: string[] = [];
    for (const { path, text, imports } of core) {
      for (const specifier of imports) {
        if (specifier.startsWith('node:') && !pureNode.has(specifier)) wrong.push(`${path} → ${specifier}`);
      }
      for (const match of text.matchAll(/import\s+(type\s+)?\{([^}]*)\}\s+from\s+['"]node:crypto['"]/g)) {
        if (match[1] !== undefined) continue;
        for (const name of (match[2] ?? '')
          .split(',')
          .map((part) => part.trim().split(/\s+as\s+/)[0] ?? '')) {
          if (name !== '' && !name.startsWith('type ') && !pureCrypto.has(name))
            wrong.push(`${path} → node:crypto ${name}`);
        }
      }
      for (const match of text.matchAll(/import\s+\{([^}]*)\}\s+from\s+['"]node:net['"]/g)) {
        const names = (match[1] ?? '').split(',').map((part) => part.trim());
        for (const name of names)
          if (name !== '' && !pureNet.has(name)) wrong.push(`${path} → node:net ${name}`);
      }
      if (/import\s+(?:\*\s+as\s+)?\w+\s+from\s+['"]node:(?:crypto|net)['"]/.test(text))
        wrong.push(`${path} → all of a built-in`);
    }
    expect(wrong).toEqual([]);
  });

  it('core has no clock, no randomness, no environment, no timers, no output', () => {
    const forbidden =
      /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\.|\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b|\bprocess\.|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|\bfetch\(|\bconsole\.|\bglobalThis\b/;
    const wrong = core.flatMap(({ path, text }) => {
      const hit = forbidden.exec(codeOf(text));
      return hit === null ? [] : [`${path}: ${hit[0]}`];
    });
    expect(wrong).toEqual([]);
  });

  it("a core room imports no other room's internals; decide.ts joins them", () => {
    const rooms = new Set([
      'identity',
      'behavior',
      'data',
      'segmentation',
      'incident',
      'maturity',
      'policy',
      'audit',
    ]);
    const roomOf = (path: string) => {
      const room = path.split('/')[3] ?? '';
      return rooms.has(room) && path.split('/').length > 4 ? room : undefined;
    };
    const wrong = core.flatMap((file) =>
      file.imports
        .filter((specifier) => specifier.startsWith('.'))
        .filter((specifier) => {
          const from = roomOf(file.path);
          const to = roomOf(target(file, specifier));
          return from !== undefined && to !== undefined && from !== to;
        })
        .map((specifier) => `${file.path} → ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it("Cedar's wasm stands only in control/src/policy", () => {
    const wrong = all
      .filter(({ imports }) => imports.some((specifier) => specifier.startsWith('@cedar-policy/')))
      .map(({ path }) => path);
    expect(wrong.filter((path) => !path.startsWith('packages/control/src/policy/'))).toEqual([]);
  });

  it('SQL stands only in store.ts, migrations.ts and db/', () => {
    const builder = /\.(?:selectFrom|insertInto|updateTable|deleteFrom|createTable|mergeInto)\(|\bsql`/;
    const wrong = all
      .filter(({ path }) => packageOf(path) === 'control')
      .filter(
        ({ path, text }) =>
          builder.test(codeOf(text)) && !/\/(?:[\w-]*store|migrations)\.ts$|\/src\/db\//.test(path),
      )
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  it('nothing evaluates text as code', () => {
    const wrong = all
      .filter(({ text }) => /\beval\(|\bnew Function\(|\bvm\.|from ['"]node:vm['"]/.test(codeOf(text)))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });
});
