/** TLS of `atf up`: one certificate for both planes, and the authority by which they and the gateway know it. Files are read by the planes. */
import { resolve } from 'node:path';
import type { Cli } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Absent: the system's authorities. */
  readonly ca: string | undefined;
}

export interface TlsOptions {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly ca?: string;
}

/** Options, else ATF_TLS_CERT, ATF_TLS_KEY and ATF_CA; undefined: plain HTTP. @throws CliFailure when one of certificate and key is missing */
export function tlsFilesOf(
  { cwd, env }: Pick<Cli, 'cwd' | 'env'>,
  options: TlsOptions,
): TlsFiles | undefined {
  const at = (given: string | undefined, setting: string | undefined) => {
    const file = given ?? setting;
    return file === undefined || file === '' ? undefined : resolve(cwd, file);
  };
  const cert = at(options.tlsCert, env.ATF_TLS_CERT);
  const key = at(options.tlsKey, env.ATF_TLS_KEY);
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new CliFailure(exitCodes.usage, '--tls-cert and --tls-key belong together', {
      help: 'Give both, here or in ATF_TLS_CERT and ATF_TLS_KEY, or neither.',
    });
  return { cert, key, ca: at(options.ca, env.ATF_CA) };
}

/** Arguments of the gateway. */
export const gatewayTlsArguments = (tls: TlsFiles | undefined): string[] =>
  tls === undefined
    ? []
    : ['--tls-cert', tls.cert, '--tls-key', tls.key, ...(tls.ca === undefined ? [] : ['--ca', tls.ca])];
