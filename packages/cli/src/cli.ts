/** What every command is given: output, where things are, and the client of control as the host operator. */
import type { ControlClient } from '@atf/sdk/client';
import type { ExitCode } from './exit-codes.ts';
import { type Output } from './output.ts';
import { controlUrlOf, dataDirOf, type Environment, operatorToken, refuseInClear } from './place.ts';

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly data?: string;
  readonly control?: string;
  readonly ca?: string;
  readonly plainHttp?: boolean;
}

/** A command: positional arguments and options as commander read them; resolves with the exit code. */
export type Command<Options = object> = (
  cli: Cli,
  args: readonly string[],
  options: Options & CommonOptions,
) => Promise<ExitCode>;

export class Cli {
  readonly out: Output;
  readonly env: Environment;
  readonly cwd: string;
  readonly dataDir: string;
  /** Whether http: to another machine is allowed. */
  readonly plainHttp: boolean;
  private readonly controlOption: string | undefined;
  /** Fired by Ctrl-C. */
  readonly interrupted: AbortSignal;

  constructor(out: Output, options: CommonOptions, env: Environment, cwd: string, interrupted: AbortSignal) {
    this.out = out;
    this.env = env;
    this.cwd = cwd;
    this.dataDir = dataDirOf(options.data, env, cwd);
    this.plainHttp = options.plainHttp === true;
    this.controlOption = options.control;
    this.interrupted = interrupted;
  }

  get controlUrl(): string {
    const url = controlUrlOf(this.controlOption, this.env, this.dataDir);
    refuseInClear(url, this.plainHttp);
    return url;
  }

  /** Headers of the host operator: registers, classifies, stops; may not approve, resume or promote. */
  operatorHeaders(): Record<string, string> {
    return { authorization: `Bearer ${operatorToken(this.dataDir, this.controlUrl)}` };
  }

  async operator(): Promise<ControlClient> {
    const { ControlClient } = await import('@atf/sdk/client');
    const headers = this.operatorHeaders();
    return new ControlClient({ baseUrl: this.controlUrl, headers: () => headers });
  }
}
