/** What the process of the control plane is started with: JSON, checked, with every default in one place. No secret stands in it. */
import { nameSchema } from '@atf/core/wire/words';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export const controlPortDefault = 7_780;
export const gatewayPortDefault = 7_781;
const port = z.int().min(0).max(65_535);
const path = z.string().min(1).max(4_096);

export const controlOptionsSchema = z.strictObject({
  tenant: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/)
    .default('default'),
  dataDir: path,
  /** Address to listen on; `localhost` keeps it on this machine. */
  host: z.string().min(1).max(253).default('localhost'),
  /** 0: any free port. */
  port: port.default(controlPortDefault),
  /** Address that people and gateways use, where it differs from host and port (a proxy in front). */
  controlUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Address of exactly this process, where several replicas share `controlUrl`: gateways name it to reach one when another is gone. */
  replicaUrl: z.url({ protocol: /^https?$/ }).optional(),
  gatewayUrl: z.url({ protocol: /^https?$/ }).default(`http://localhost:${gatewayPortDefault}`),
  /** TLS of this process: certificate chain and key, files in PEM. Absent: plain HTTP. */
  tlsCert: path.optional(),
  tlsKey: path.optional(),
  trustDomain: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?$/)
    .default('atf.internal'),
  policyDir: path.optional(),
  /** Folder of the built console. */
  consoleDir: path.optional(),
  /** Set up the example workspace in an empty data directory. */
  example: z.boolean().default(false),
  /** Key-encryption key file; `ATF_KEY` in the environment wins. */
  keyFile: path.optional(),
  /** `postgresql://…`: a server instead of the embedded database. */
  databaseUrl: z
    .string()
    .regex(/^postgres(?:ql)?:\/\//)
    .max(2_000)
    .optional(),
  /** Name of the gateway that the same supervisor starts: a join token for it is handed to the supervisor while it is not enrolled. */
  embeddedGateway: nameSchema.optional(),
  /** Policy file (C2SP tlog-policy) with the witnesses that are asked for cosignatures, and their quorum. */
  witnessPolicy: path.optional(),
  logLevel: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
  /** Absent: standard error. */
  logFile: path.optional(),
});
export type ControlOptions = z.output<typeof controlOptionsSchema>;
export type ControlOptionsInput = z.input<typeof controlOptionsSchema>;

/** The repository's root, seen from the source and from the build alike; an installed package has neither folder. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** The policies that this version of ATF ships. */
export const shippedPolicyDir = join(root, 'policies');

export function policyDirOf(options: ControlOptions): string {
  return options.policyDir ?? shippedPolicyDir;
}

/** undefined: the console is not built. */
export function consoleDirOf(options: ControlOptions): string | undefined {
  const folder = options.consoleDir ?? join(root, 'packages', 'console', 'dist');
  return existsSync(join(folder, 'index.html')) ? folder : undefined;
}
