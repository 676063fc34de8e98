/**
 * `atf control` and `atf gateway`: one plane as a plain process in the foreground, for production. `atf up` runs both under a supervisor instead. Not here: what
 * they take (each plane reads its own options) and what they do.
 */
import type { Command } from '../cli.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';

interface ControlPlane {
  serveControl(args: readonly string[]): Promise<number>;
}
interface GatewayPlane {
  serveGateway(args: readonly string[]): Promise<number>;
}

/** By its resolved place: the command line knows that the planes are there, and nothing of what is in them. */
export async function load<T>(specifier: string): Promise<T> {
  const place = import.meta.resolve(specifier);
  return (await import(place)) as T;
}

const exitCodeOf = (code: number): ExitCode => (code === 0 ? exitCodes.ok : exitCodes.cannotStart);

export const control: Command = async (_, args) =>
  exitCodeOf(await (await load<ControlPlane>('@atf/control/serve')).serveControl(args));

export const gateway: Command = async (_, args) =>
  exitCodeOf(await (await load<GatewayPlane>('@atf/gateway/serve')).serveGateway(args));
