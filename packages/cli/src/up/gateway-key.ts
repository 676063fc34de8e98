/**
 * The key that protects the embedded gateway's own key. The gateway never gets control's: under ATF_KEY it gets one derived for it,
 * otherwise a key file beside control's, outside the data directory.
 */
import { hkdfSync } from 'node:crypto';
import { basename, dirname, extname, join } from 'node:path';
import { readBounded } from '../place.ts';

const keyBytes = 32;
const label = 'atf embedded gateway key-encryption key';

export interface GatewayKeyPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly keyFile: string | undefined;
  readonly dataDir: string;
  readonly configDir: string;
}

/** Environment and arguments for the gateway's process. */
export function gatewayKeyFor({ env, keyFile, dataDir, configDir }: GatewayKeyPlace): {
  env: Record<string, string | undefined>;
  argv: string[];
} {
  const { ATF_KEY: own, ...rest } = env;
  if (own !== undefined && own !== '') {
    const derived = Buffer.from(
      hkdfSync('sha256', Buffer.from(own, 'base64'), Buffer.alloc(0), label, keyBytes),
    );
    return { env: { ...rest, ATF_KEY: derived.toString('base64') }, argv: [] };
  }
  if (keyFile !== undefined) {
    const name = basename(keyFile, extname(keyFile));
    return { env: rest, argv: ['--key-file', join(dirname(keyFile), `${name}.gateway.key`)] };
  }
  const workspace = readBounded(join(dataDir, 'workspace.id'))?.trim() ?? 'default';
  return {
    env: rest,
    argv: ['--key-file', join(configDir, `${workspace.replaceAll(/[^0-9a-zA-Z-]/g, '_')}.gateway.key`)],
  };
}
