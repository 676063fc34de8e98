/**
 * `atf connect`: a local shim for stock MCP hosts, which cannot prove possession of a key (I-2). It enrols once, keeps the key in the
 * person's configuration folder, and hands every message to the gateway with a fresh proof. It decides nothing and rewrites nothing.
 */
import type { Credential } from '@atf/core/wire/api';
import { type AgentFetch, agentFetch } from '@atf/sdk/agent-fetch';
import { ControlRefusal } from '@atf/sdk/control-refusal';
import { exportAgentKey, generateAgentKey, importAgentKey } from '@atf/sdk/agent-key';
import { enrolInstance, renewCredential } from '@atf/sdk/enrol';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { type AgentKeyHome, readInstance, writeInstance } from '../key-store.ts';
import { agentKeyHomeOf, refuseInClear } from '../place.ts';

interface ConnectOptions {
  readonly agent: string;
  readonly joinToken?: string;
  readonly http?: string | boolean;
  readonly task?: string;
}

export const connect: Command<ConnectOptions> = async (cli, [server = ''], options) => {
  const governed = await governedFetch(cli, options);
  const credential = governed.credential();
  if (!credential.servers.includes(server)) {
    throw new CliFailure(exitCodes.refused, `${credential.agent} has no tools on a server ${server}`, {
      code: 'segmentation.server_unknown',
      help: `It has tools on: ${credential.servers.join(', ') || 'no server'}.`,
    });
  }
  const gatewayUrl = credential.gatewayUrl.replace(/\/+$/, '');
  refuseInClear(gatewayUrl, cli.plainHttp);
  if (options.http !== undefined) {
    const { serveShimHttp } = await import('../connect/http-shim.ts');
    return serveShimHttp(cli, {
      gatewayUrl,
      server,
      fetch: governed,
      port: portOf(options.http),
      says: `${credential.agent} on ${server}`,
    });
  }
  const { serveStdio } = await import('../connect/stdio-shim.ts');
  // Standard output belongs to the protocol; people are told on standard error.
  cli.out.note`${credential.agent} is connected to ${server} through ${credential.gatewayUrl}`;
  await serveStdio({
    address: `${gatewayUrl}/mcp/${server}`,
    fetch: governed,
    input: process.stdin,
    output: process.stdout,
    stop: cli.interrupted,
  });
  return exitCodes.ok;
};

function portOf(http: string | boolean): number {
  const port = http === true ? 0 : Number(http);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new CliFailure(exitCodes.usage, '--http takes a port, 0 to 65535');
  return port;
}

/** The fetch of the agent, with the stored key, or with a new one that a join token enrols. */
async function governedFetch(cli: Cli, options: ConnectOptions): Promise<AgentFetch> {
  const home = agentKeyHomeOf(cli.env);
  const { controlUrl } = cli;
  const joinToken = options.joinToken ?? cli.env.ATF_JOIN_TOKEN;
  const { key, credential: first } =
    joinToken === undefined
      ? await resumed(cli, home, options.agent, options.task)
      : await enrolledOnce(cli, home, options.agent, joinToken);
  const { instanceId } = first;
  const { task } = options;
  const onTask = { controlUrl, key, instanceId, ...(task === undefined ? {} : { task }) };
  // The first credential of an enrolment is for no task yet.
  const credential = joinToken === undefined || task === undefined ? first : await renewCredential(onTask);
  const renew = (current: Credential) => renewCredential({ ...onTask, instanceId: current.instanceId });
  return agentFetch({ credential, key, renew });
}

/** A host starts the same command with the same token every time: one that is used up counts for nothing where its key is kept. */
async function enrolledOnce(cli: Cli, home: AgentKeyHome, agent: string, joinToken: string) {
  try {
    return await enrolled(cli, home, agent, joinToken);
  } catch (error) {
    const isUsed = error instanceof ControlRefusal && error.code === 'identity.join_token_invalid';
    if (!isUsed || readInstance(home, cli.controlUrl, agent) === undefined) throw error;
    return await resumed(cli, home, agent);
  }
}

async function enrolled(cli: Cli, home: AgentKeyHome, agent: string, joinToken: string) {
  const { controlUrl } = cli;
  const key = await generateAgentKey({ extractable: true });
  const credential = await enrolInstance({ controlUrl, key, joinToken });
  if (credential.agent !== agent) {
    throw new CliFailure(exitCodes.refused, `That join token is for ${credential.agent}, not for ${agent}`, {
      help: `Issue one with: atf agent enrol ${agent}`,
    });
  }
  const file = writeInstance(home, {
    controlUrl,
    agent,
    instanceId: credential.instanceId,
    key: await exportAgentKey(key),
  });
  cli.out.note`${agent} is enrolled; its key is kept in ${file}`;
  return { key, credential };
}

async function resumed(cli: Cli, home: AgentKeyHome, agent: string, task?: string) {
  const { controlUrl } = cli;
  const stored = readInstance(home, controlUrl, agent);
  if (stored === undefined) {
    throw new CliFailure(exitCodes.refused, `No key of ${agent} is kept here`, {
      code: 'identity.credential_missing',
      help: `Enrol once: atf agent enrol ${agent}, then connect with the token in ATF_JOIN_TOKEN.`,
    });
  }
  const key = await importAgentKey(stored.key);
  // Every start of the host is a session of its own; a task has one, which goes on.
  const credential = await renewCredential({
    controlUrl,
    key,
    instanceId: stored.instanceId,
    ...(task === undefined ? { newSession: true } : { task }),
  });
  return { key, credential };
}
