/**
 * `atf`, the command line. Commands are loaded when they are asked for, so that it starts at once. Not here: what commands do
 * (commands/), and any right of its own: it acts as the host operator, whose token lies in the data directory.
 */
import { Command as Commander, CommanderError } from 'commander';
import { Cli, type Command, type CommonOptions } from './cli.ts';
import { addCommands, addCommonOptions, programHelp } from './command-table.ts';
import { CliFailure, type ExitCode, exitCodes } from './exit-codes.ts';
import { Output } from './output.ts';

/** Runs one command line; resolves with the exit code and never throws. */
export async function runCli(argv: readonly string[]): Promise<ExitCode> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt);
  // A reader that goes away (`atf activity | head`) is the end of the work, not a fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.refused),
  );
  // What is wrong with the arguments is a document for programs too, so this is known before they are read.
  const json = argv.includes('--json');
  let result: ExitCode = exitCodes.ok;
  const act =
    (load: () => Promise<Command<never>>) =>
    async (...given: unknown[]) => {
      const command = given.at(-1) as Commander;
      // Common options may stand before the command too; `optsWithGlobals` adds those.
      const options = command.optsWithGlobals<CommonOptions>();
      const out = outputFor(options.json === true);
      try {
        const run = (await load()) as Command;
        // The planes name whom they trust, each for itself.
        if (!planes.has(command.name())) await trust(options.ca ?? process.env.ATF_CA);
        result = await run(
          new Cli(out, options, process.env, process.cwd(), interrupt.signal),
          command.args,
          options,
        );
      } catch (error) {
        result = await tellFailure(out, error, interrupt.signal.aborted);
      }
    };
  const program = new Commander('atf')
    .description(
      'Agents under governance: identified, contained, authorised, gated by level, recorded before they act.',
    )
    .version('0.1.0')
    .showHelpAfterError(json ? false : usageHelp)
    .configureOutput(json ? { writeErr: () => undefined } : {})
    .exitOverride()
    .enablePositionalOptions()
    .addHelpText('after', programHelp);
  addCommonOptions(program);
  addCommands(program, act);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitCodes.ok;
    return json ? tellFailure(outputFor(true), usageFailure(error), false) : exitCodes.usage;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
  return result;
}

const usageHelp = '(add --help for what it takes)';

const planes: ReadonlySet<string> = new Set(['control', 'gateway', 'witness']);

/** @throws CliFailure when the file of authorities cannot be used */
async function trust(file: string | undefined): Promise<void> {
  if (file === undefined || file === '') return;
  const [{ trustAuthorities }, { readBounded }] = await Promise.all([
    import('@atf/sdk/authorities'),
    import('./place.ts'),
  ]);
  try {
    trustAuthorities(readBounded(file) ?? '');
  } catch (fault) {
    throw new CliFailure(
      exitCodes.usage,
      `--ca ${file}: ${fault instanceof Error ? fault.message : 'unusable'}`,
      {
        help: 'Give a file with certificates in PEM.',
      },
    );
  }
}

/** A usage error of commander, in the words that people see, without its prefix. Help that nobody asked for stands for a missing command. */
function usageFailure({ code, message }: CommanderError): CliFailure {
  const words = code === 'commander.help' ? 'No command is named' : message.replace(/^error: /, '');
  return new CliFailure(exitCodes.usage, words, { help: 'Add --help for what it takes.' });
}

function outputFor(json: boolean): Output {
  return new Output({ json, stdout: process.stdout, stderr: process.stderr, env: process.env });
}

/** One sentence what went wrong and one what to do, or the same as a document. The stack of a bug is shown with ATF_DEBUG. */
async function tellFailure(out: Output, error: unknown, interrupted: boolean): Promise<ExitCode> {
  if (interrupted) return exitCodes.interrupted;
  const { ControlRefusal, ControlUnreachable } = await import('@atf/sdk/control-refusal');
  const failure = read(error, ControlRefusal, ControlUnreachable);
  if (out.json) {
    const { exitCode, message, help, code } = failure;
    process.stderr.write(
      `${JSON.stringify({ error: { exitCode, message, ...(code === undefined ? {} : { code }), ...(help === undefined ? {} : { help }) } })}\n`,
    );
  } else {
    const said = `${failure.message}${failure.code === undefined ? '' : ` (${failure.code})`}`;
    // One problem a line, of a policy set that its author wrote.
    for (const line of failure.code?.startsWith('policy.') === true ? said.split('\n') : [said])
      out.note`${line}`;
    if (failure.help !== undefined) out.note`${failure.help}`;
  }
  if (process.env.ATF_DEBUG !== undefined && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  return failure.exitCode;
}

function read(
  error: unknown,
  Refusal: typeof import('@atf/sdk/control-refusal').ControlRefusal,
  Unreachable: typeof import('@atf/sdk/control-refusal').ControlUnreachable,
): CliFailure {
  if (error instanceof CliFailure) return error;
  if (error instanceof Refusal)
    return new CliFailure(exitCodes.refused, error.message, { code: error.code, help: error.help });
  if (error instanceof Unreachable) {
    if (/\((?:UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT)/.test(error.message))
      return new CliFailure(exitCodes.unreachable, error.message, {
        help: 'Its certificate is not trusted here. Name the authority that issued it with --ca, or in ATF_CA.',
      });
    return new CliFailure(exitCodes.unreachable, error.message, {
      help: 'Start ATF with "npm start", or name its address with --control or its directory with --data.',
    });
  }
  return new CliFailure(exitCodes.refused, error instanceof Error ? error.message : 'unknown fault');
}
