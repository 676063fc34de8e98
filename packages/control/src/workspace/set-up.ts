/**
 * Room: workspace. Sets up the example workspace in an empty data directory, once: people, tool servers with what a person corrected, agents, and
 * their levels by marked bootstrap records. Everything in one transaction; the files that the servers need are written before it.
 */
import { sha256 } from '@atf/core/digest';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Control, Tx } from '../context.ts';
import { bootstrapLevel, registerAgent } from '../identity/agents.ts';
import { registerPerson } from '../people/registry.ts';
import { takeDefinitions } from '../segmentation/discovery.ts';
import { prepareClassification } from '../segmentation/store.ts';
import { addServer } from '../segmentation/tools.ts';
import { parseWorkspace, readWorkspaceDefinitions, type Workspace } from './file.ts';
import { markSetup, registryEmpty, setupDone } from './store.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');
const examples = join(root, 'examples');
const folder = join(examples, 'workspace');
/** Who did it, in the records. */
const by = 'bootstrap';

function placeholders(dataDir: string): (text: string) => string {
  const known: Record<string, string> = {
    node: process.execPath,
    examples,
    modules: join(root, 'node_modules'),
    data: dataDir,
  };
  return (text) =>
    text.replace(/\{([a-z]+)\}/g, (_all, name: string) => {
      const value = known[name];
      if (value === undefined) throw new Error(`workspace.yaml: nothing is known of {${name}}`);
      return value;
    });
}

/** Sandbox folders, and the commands of the servers in the file of the gateway's host: they never travel over the API. What exists stays. */
function writeHostFiles({ folders, servers }: Workspace, dataDir: string): void {
  const fill = placeholders(dataDir);
  for (const { from, to } of folders) {
    if (!existsSync(fill(to))) cpSync(fill(from), fill(to), { recursive: true });
  }
  const file = join(dataDir, 'gateway', 'servers.yaml');
  if (existsSync(file)) return;
  const commands = Object.fromEntries(
    servers.flatMap((server) => {
      if (server.transport !== 'stdio') return [];
      const [program = '', ...args] = server.command.map(fill);
      return [[server.name, { command: program, args }]];
    }),
  );
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.draft`;
  writeFileSync(
    draft,
    `# Commands of tool servers on this host. Only who may write this file decides what is started.\n${stringify(commands)}`,
    { mode: 0o600, flush: true },
  );
  renameSync(draft, file);
}

async function register(control: Control, tx: Tx, workspace: Workspace): Promise<void> {
  const { tenant } = control.config;
  for (const { simulatedPresence, ...person } of workspace.people) {
    await registerPerson(control, tx, { ...person, bootstrap: simulatedPresence }, by);
  }
  for (const server of workspace.servers) {
    const { name, domain, outputTrust, transport: kind } = server;
    const stateless = server.transport === 'stdio' && server.stateless;
    await addServer(control, tx, { name, transport: { kind }, domain, outputTrust, stateless }, by);
  }
  for (const [ref, given] of Object.entries(workspace.classifications)) {
    const [server = '', ...rest] = ref.split('/');
    await prepareClassification(tx, {
      tenant,
      server,
      tool: rest.join('/'),
      classification: { ...given, by: 'person' },
    });
  }
  const fill = placeholders(control.config.dataDir);
  for (const server of workspace.servers) {
    if (server.transport !== 'cooperative') continue;
    const definitions = readWorkspaceDefinitions(readFileSync(fill(server.definitions), 'utf8'));
    await takeDefinitions(control, tx, server.name, { definitions }, { person: by });
  }
  for (const { manifest, level } of workspace.agents) {
    const id = await registerAgent(control, tx, readFileSync(join(folder, manifest), 'utf8'), 'yaml', {
      id: by,
      operator: true,
    });
    if (level !== 'intern') await bootstrapLevel(control, tx, id, level);
  }
}

/** Sets the example workspace up when it is wanted and the data directory is empty; false when there was nothing to do. */
export async function setUpWorkspace(control: Control): Promise<boolean> {
  const { tenant, dataDir, example } = control.config;
  if (!example || (await setupDone(control.db, tenant)) || !(await registryEmpty(control.db, tenant)))
    return false;
  const text = readFileSync(join(folder, 'workspace.yaml'), 'utf8');
  const workspace = parseWorkspace(text);
  writeHostFiles(workspace, dataDir);
  await control.change(async (tx) => {
    await register(control, tx, workspace);
    await markSetup(tx, { tenant, digest: sha256(text), done_at: control.clock.nowMs() });
  });
  return true;
}
