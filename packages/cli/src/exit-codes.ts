/** Exit codes of `atf`, documented in docs/how-to/use-the-cli.md; scripts may rely on them. */
export const exitCodes = {
  ok: 0,
  /** Control refused, a call failed, or a person said no. */
  refused: 1,
  usage: 2,
  /** Nothing answers at the address of control. */
  unreachable: 3,
  /** The log, or a copy of it, does not verify. */
  unverified: 4,
  /** `atf up` could not start: port, directory, disk, key. */
  cannotStart: 5,
  /** Nobody decided in time. */
  undecided: 6,
  /** A plan found that something would change. */
  changes: 7,
  /** An analysis found a combination as bad as asked for, or a scan what is severe in a definition, and nobody has accepted it. */
  dangerous: 8,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a sentence for people and a code for scripts. `help` says what to do. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode;
  readonly help: string | undefined;
  /** Code of the error catalogue, where there is one. */
  readonly code: string | undefined;

  constructor(
    exitCode: ExitCode,
    message: string,
    more: { readonly help?: string; readonly code?: string } = {},
  ) {
    super(message);
    this.name = 'CliFailure';
    this.exitCode = exitCode;
    this.help = more.help;
    this.code = more.code;
  }
}
