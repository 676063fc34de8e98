/**
 * `atf audit status`, `proof` and `verify-proof` (B-1, B-2): how the log is witnessed; one record with all that somebody else needs to believe it; and
 * believing it, with a policy and nothing else. The rules are core's (audit/tlog-proof.ts, audit/log-policy.ts).
 */
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { proofBytesMax, verifyTlogProof } from '@atf/core/audit/tlog-proof';
import { rawPaths } from '@atf/core/wire/api';
import { alarmingWitnessStates, witnessStateWords } from '@atf/core/wire/witness-words';
import { ControlRefusal } from '@atf/sdk/control-refusal';
import { type ControlClient, problemSchema } from '@atf/sdk/client';
import { readPolicy, witnessedOf } from '../audit-policy.ts';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { readBoundedFile } from '../witness/bounded-file.ts';

/** Witnesses answer within a second or two when all is well. */
const cosignedWithinMs = 10_000;
const pollMs = 500;
const indexPattern = /^(?:0|[1-9][0-9]{0,15})$/;

export const auditStatus: Command = async (cli) => {
  const status = await (await cli.operator()).call('audit.status');
  cli.out.document(status);
  const { out } = cli;
  const { size, pending, rootHash, vkey, witnessing } = status;
  out.table(
    [{ title: 'LOG' }, { title: 'NOW' }],
    [
      ['signed entries', size],
      ['on their way', pending],
      ['root', rootHash],
      ['verifier key', vkey],
      ...(witnessing === undefined
        ? [['witnesses', 'none are asked (atf up --witness-policy FILE)']]
        : [
            [
              'cosigned entries',
              `${witnessing.size}${witnessing.at === undefined ? '' : `, ${witnessing.at}`}`,
            ],
          ]),
    ],
  );
  if (witnessing === undefined) return exitCodes.ok;
  out.table(
    [{ title: 'WITNESS' }, { title: 'STATE' }, { title: 'ENTRIES', align: 'right' }, { title: 'SINCE' }],
    witnessing.witnesses.map(({ name, state, size: own, at, since }) => [
      name,
      style(
        alarmingWitnessStates.has(state) ? 'red' : state === 'cosigned' ? 'green' : 'yellow',
        witnessStateWords[state],
      ),
      own ?? '',
      since ?? at ?? '',
    ]),
  );
  if (witnessing.lacks !== '')
    out.say`${style('yellow', 'No quorum for the newest entries:')} ${witnessing.lacks}`;
  return exitCodes.ok;
};

export const proof: Command<{ readonly uncosigned?: boolean }> = async (cli, [record = ''], options) => {
  const operator = await cli.operator();
  const index = indexPattern.test(record) ? Number(record) : await indexOfAction(cli, operator, record);
  const text = await proofText(operator, index, options.uncosigned === true);
  cli.out.document({ index, proof: text });
  cli.out.file(text);
  return exitCodes.ok;
};

/** An action has several records; its first one is the decision. */
async function indexOfAction(cli: Cli, operator: ControlClient, action: string): Promise<number> {
  const { records } = await operator.call('actions.show', { params: { id: action } });
  const [first, ...others] = records;
  if (first === undefined) throw new CliFailure(exitCodes.refused, 'This action has no record yet');
  if (others.length > 0)
    cli.out
      .note`This is the decision, entry ${first.index}. More of this action: ${others.map(({ index }) => index).join(', ')}`;
  return first.index;
}

async function proofText(operator: ControlClient, index: number, uncosigned: boolean): Promise<string> {
  const path = `${rawPaths.proof}${index}${uncosigned ? '?uncosigned=1' : ''}`;
  const untilMs = performance.now() + cosignedWithinMs;
  for (;;) {
    const { status, bytes } = await operator.get(path);
    const text = Buffer.from(bytes).toString('utf8');
    if (status === 200) return text;
    const problem = problemSchema.safeParse(safeJson(text));
    if (!problem.success)
      throw new CliFailure(exitCodes.refused, `Control did not hand out the proof (HTTP ${status})`);
    if (problem.data.code !== 'audit.not_cosigned' || performance.now() > untilMs)
      throw new ControlRefusal(problem.data);
    await pause(pollMs);
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const verifyProof: Command<{ readonly policy: string }> = async (cli, [file = ''], { policy }) => {
  const bytes = await readBoundedFile(resolve(cli.cwd, file), proofBytesMax).catch((fault: unknown) => {
    throw new CliFailure(exitCodes.usage, `The proof cannot be read: ${(fault as Error).message}`);
  });
  if (bytes === undefined) throw new CliFailure(exitCodes.usage, `There is no file ${file}`);
  const rules = await readPolicy(resolve(cli.cwd, policy));
  if (rules.logs.length === 0)
    throw new CliFailure(
      exitCodes.usage,
      'The policy names no log, so nothing says whose proof would count',
      {
        help: 'Add a line: log VKEY (GET /log/vkey of the control plane, from a source that you trust).',
      },
    );
  const verdict = verifyTlogProof(bytes.toString('utf8'), rules, Date.now());
  const { out } = cli;
  if (!verdict.ok) {
    const { problem, words, quorum } = verdict;
    out.document({ ok: false, problem, message: words, missing: quorum?.missing ?? [] });
    out.say`${style('red', '✗ The proof does NOT verify:')} ${words}`;
    return exitCodes.unverified;
  }
  const { index, checkpoint, record } = verdict;
  const witnessed = witnessedOf(verdict);
  const text = Buffer.from(record).toString('utf8');
  out.document({ ok: true, index, origin: checkpoint.origin, ...witnessed, record: text });
  out.say`${style('green', '✓ The proof verifies:')} entry ${index} of ${checkpoint.size} in ${checkpoint.origin}`;
  out.say`Cosigned by ${witnessed.cosigned.length === 0 ? 'nobody, as the policy allows' : witnessed.cosigned.join(', ')}${witnessed.at === undefined ? '' : `, last at ${witnessed.at}`}. The record:`;
  out.say`${text}`;
  return exitCodes.ok;
};
