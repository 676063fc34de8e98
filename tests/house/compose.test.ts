/**
 * Dockerfile and compose.yaml, which nothing here can build or run, held to the program: every command line is one that the planes take, every variable,
 * port, path and secret is one that they know, and every file that is copied is there. tests/e2e/compose.test.ts starts what the file describes.
 */
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addCommands } from '@atf/cli/command-table';
import { readOptions } from '@atf/control/serve';
import { rawPaths } from '@atf/core/wire/api';
import { readConfig } from '@atf/gateway/config';
import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { type ComposeService, composeVariables, readCompose } from './compose-file.ts';
import { root, sourceFiles } from './source-files.ts';

const settings = {
  ATF_URL: 'https://atf.example.com',
  ATF_GATEWAY_1_URL: 'https://gateway-1.example.com',
  ATF_GATEWAY_2_URL: 'https://gateway-2.example.com:8443',
  ATF_LOG_VKEY: 'atf.example.com/log+00000000+AAAA',
};
const compose = readCompose(settings);
const services = Object.entries(compose.services);
const planes = services.filter(([, { build }]) => build !== undefined);
const named = (kind: string) => planes.filter(([, { command }]) => command?.[0] === kind);
const howTo = readFileSync(join(root, 'docs/how-to/run-in-production.md'), 'utf8');

const secrets = mkdtempSync(join(tmpdir(), 'atf-compose-'));
afterAll(() => rmSync(secrets, { recursive: true }));
const databaseUrl = 'postgresql://atf:secret@database:5432/atf';
writeFileSync(join(secrets, 'database-url'), `${databaseUrl}\n`);
writeFileSync(join(secrets, 'gateway-1-join-token'), 'one-time\n');
const environmentOf = ({ environment }: ComposeService) =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replace('/run/secrets', secrets)]),
  );
const argumentsOf = ({ command = [] }: ComposeService) => command.slice(1);

/** What the command line makes of it: options of `atf witness`, read by its own table. */
async function witnessOptions(args: readonly string[]): Promise<Record<string, unknown>> {
  let read: Record<string, unknown> | undefined;
  const program = new Command().exitOverride().enablePositionalOptions();
  addCommands(program, () => async (...given) => {
    read = given.at(-2) as Record<string, unknown>;
  });
  await program.parseAsync(['witness', ...args], { from: 'user' });
  return read ?? {};
}

/** Port on which a service listens, as its plane reads it. */
async function portOf(service: ComposeService): Promise<number> {
  const [kind, ...args] = service.command ?? [];
  if (kind === 'control') return readOptions(args, environmentOf(service))?.port ?? 0;
  if (kind === 'gateway') return readConfig(args, environmentOf(service)).port;
  return Number((await witnessOptions(args))['port']);
}

describe('compose.yaml', () => {
  it('runs two control replicas, two gateways, and a witness for whoever wants one', () => {
    expect(planes.map(([name]) => name)).toEqual([
      'control-1',
      'control-2',
      'gateway-1',
      'gateway-2',
      'witness',
    ]);
    expect(named('witness').map(([, { profiles }]) => profiles)).toEqual([['witness']]);
  });

  it.each(named('control'))('%s: its command line is one that control takes', (name, service) => {
    expect(readOptions(argumentsOf(service), environmentOf(service))).toMatchObject({
      dataDir: '/var/lib/atf',
      host: '0.0.0.0',
      databaseUrl,
      controlUrl: settings.ATF_URL,
      replicaUrl: `https://${name}:7780`,
      gatewayUrl: settings.ATF_GATEWAY_1_URL,
    });
    expect(service.environment['ATF_CONTROL_URL']).toBe(`https://${name}:7780`);
    const witnessed = readCompose({ ...settings, ATF_WITNESS_POLICY_FILE: './policy' }).services[name];
    expect(readOptions(argumentsOf(service), environmentOf(witnessed as ComposeService))).toMatchObject({
      witnessPolicy: '/etc/atf/witness-policy',
    });
    expect(readOptions(argumentsOf(service), environmentOf(service))).not.toHaveProperty('witnessPolicy');
  });

  it('both replicas differ in nothing but their own name', () => {
    const [one, other] = named('control').map(([name, service]) =>
      JSON.stringify(service).replaceAll(name, 'this'),
    );
    expect(one?.replace('}:7780:', '')).toBe(other?.replace('7782:7780', '7780:7780'));
  });

  it.each(named('gateway'))('%s: its command line is one that a gateway takes', (name, service) => {
    const config = readConfig(argumentsOf(service), environmentOf(service));
    expect(config).toMatchObject({ dir: '/var/lib/atf', host: '0.0.0.0', caFile: '/run/secrets/ca' });
    expect([...config.controlUrls].sort()).toEqual(['https://control-1:7780', 'https://control-2:7780']);
    expect(config.publicUrl).toBe(settings[name === 'gateway-1' ? 'ATF_GATEWAY_1_URL' : 'ATF_GATEWAY_2_URL']);
    // The file of the second one is not there: as after its enrolment, when nobody needs it any more.
    expect(config.joinToken).toBe(name === 'gateway-1' ? 'one-time' : undefined);
  });

  it.each(named('witness'))('%s: its command line is one that the witness takes', async (_, service) => {
    expect(await witnessOptions(argumentsOf(service))).toMatchObject({
      dir: '/var/lib/atf',
      log: [settings.ATF_LOG_VKEY],
      plainHttp: true,
    });
  });

  it('starts neither plane without the addresses that only the operator knows', () => {
    for (const [name, service] of Object.entries(readCompose().services)) {
      const [kind, ...args] = service.command ?? [];
      const read = kind === 'control' ? readOptions : kind === 'gateway' ? readConfig : undefined;
      if (read !== undefined) expect(() => read(args, {}), name).toThrow('request.malformed');
    }
  });

  it.each(planes)(
    '%s: publishes the port it listens on, and is asked there whether it is ready',
    async (_, service) => {
      const port = await portOf(service);
      expect(service.ports.map((published) => published.split(':').at(-1))).toEqual([String(port)]);
      const [, node, script, url = '', asked, ca] = service.healthcheck.test;
      expect([node, script, asked]).toEqual(['node', '/opt/atf/tools/ready.mjs', String(port)]);
      const { pathname, protocol } = new URL(url);
      const isWitness = service.command?.[0] === 'witness';
      expect(pathname).toBe(isWitness ? rawPaths.health : rawPaths.ready);
      expect([protocol, ca]).toEqual(isWitness ? ['http:', undefined] : ['https:', '/run/secrets/ca']);
      expect(existsSync(join(root, 'tools/ready.mjs'))).toBe(true);
    },
  );

  it('no two services publish the same port, and none beyond this machine unless the operator says so', () => {
    const published = services.flatMap(([, { ports }]) => ports);
    expect(new Set(published.map((each) => each.split(':')[1])).size).toBe(published.length);
    for (const each of published) expect(each).toMatch(/^127\.0\.0\.1:/);
  });

  it('sets no variable that nobody reads, and every one that it takes is explained', () => {
    const sources = sourceFiles('packages/*/src/**/*.ts')
      .map(({ text }) => text)
      .join('\n');
    for (const [name, { environment }] of planes)
      for (const variable of Object.keys(environment))
        expect(new RegExp(`\\b${variable}\\b`).test(sources), `${name}: ${variable}`).toBe(true);
    for (const variable of composeVariables) expect(howTo, variable).toContain(variable);
  });

  it('keeps secrets in files, each granted to those who use it and to nobody else', () => {
    for (const [name, service] of services) {
      const said = [service.command, Object.values(service.environment), service.healthcheck.test].flat();
      const used = said.flatMap((each) => /\/run\/secrets\/([\w-]+)/.exec(each ?? '')?.[1] ?? []);
      expect([...new Set(used)].sort(), name).toEqual([...service.secrets].sort());
      for (const secret of service.secrets) expect(compose.secrets, name).toHaveProperty([secret]);
      expect(Object.keys(service.environment).filter((each) => /_KEY$|PASSWORD$|TOKEN$/.test(each))).toEqual(
        [],
      );
    }
    const granted = services.flatMap(([, service]) => service.secrets);
    expect(Object.keys(compose.secrets).sort()).toEqual([...new Set(granted)].sort());
    for (const { file } of Object.values(compose.secrets))
      expect(howTo, file).toContain(file.replace('./secrets/', ''));
  });

  it('lets only control reach the database, runs nothing as root, and gives each state a volume of its own', () => {
    expect(compose.networks['database']).toEqual({ internal: true });
    const reach = services.filter(([, { networks }]) => networks.includes('database'));
    expect(reach.map(([name]) => name)).toEqual(['database', 'control-1', 'control-2']);
    for (const [, { user }] of services) expect(user).toMatch(/^(?:node|postgres)$/);
    for (const [, { networks }] of services)
      for (const network of networks) expect(compose.networks).toHaveProperty(network);
    const own = services.map(([, { volumes }]) => volumes.filter((each) => typeof each === 'string'));
    expect(own.flat().map((each) => each.split(':')[0])).toEqual(services.map(([name]) => name));
    expect(Object.keys(compose.volumes)).toEqual(services.map(([name]) => name));
  });
});

describe('Dockerfile', () => {
  const text = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
  const [, build = '', last = ''] = text.split(/^FROM .*$/m);
  const copied = [...build.matchAll(/^COPY ((?:\S+ )+)\S+$/gm)].flatMap(([, from = '']) =>
    from.trim().split(' '),
  );

  it('copies files that are there, and are sent to the builder', () => {
    expect(copied.length).toBeGreaterThan(10);
    const sent = readFileSync(join(root, '.dockerignore'), 'utf8')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
    for (const file of [...copied, 'LICENSE']) {
      expect(existsSync(join(root, file)), file).toBe(true);
      const isSent = sent.some((each) =>
        globSync(each, { cwd: root }).some((path) => `${file}/`.startsWith(`${path}/`)),
      );
      expect(isSent, file).toBe(true);
    }
  });

  it('installs with the manifest of every workspace', () => {
    const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      workspaces: string[];
    };
    const manifests = globSync(
      workspaces.map((each) => `${each}/package.json`),
      { cwd: root },
    );
    expect(copied).toEqual(expect.arrayContaining(manifests));
  });

  it('starts the command line as somebody who is not root, on the Node that it was built with', () => {
    expect([...text.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)).toEqual([
      '${NODE_IMAGE}',
      '${NODE_IMAGE}',
    ]);
    expect(text).toMatch(/^ARG NODE_IMAGE=node:24-[a-z]+-slim$/m);
    expect(last).toMatch(/^USER node$/m);
    const entry = /^ENTRYPOINT (.*)$/m.exec(last)?.[1] ?? '[]';
    const [node, script = ''] = JSON.parse(entry) as string[];
    expect(node).toBe('node');
    expect(existsSync(join(root, script.replace('/opt/atf/', '')))).toBe(true);
  });
});
