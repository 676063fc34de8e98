/**
 * `atf approvals …`: what waits for a person, exactly. Approving needs the person's fresh presence, which a token on disk cannot
 * give: the person is handed to the browser and this waits. Only marked people of the example workspace can be simulated, loudly.
 */
import { briefWords } from '@atf/core/approval-words';
import type { Approval } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { openInBrowser } from '../open-browser.ts';
import { type Output, style } from '../output.ts';
import { checkHandOver, untilDecided } from '../wait.ts';
import { ago, duration, outcomeStyled, shortId } from '../words.ts';
import { personOf } from './people.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const idBeginningMin = 4;

export const listApprovals: Command<{ readonly all?: boolean }> = async (cli, _, { all }) => {
  const operator = await cli.operator();
  const { items } = await operator.call(
    'approvals.list',
    all === true ? {} : { query: { state: 'waiting' } },
  );
  for (const approval of items) cli.out.document(approval);
  const nowMs = Date.now();
  if (items.length === 0)
    cli.out.say`${all === true ? 'No call was ever held for a person.' : 'Nothing waits for a person.'}`;
  else {
    cli.out.table(
      [
        { title: 'ID' },
        { title: 'STATE' },
        { title: 'AGENT' },
        { title: 'CALL' },
        { title: 'WITH' },
        { title: 'ASKED' },
        { title: 'LEFT' },
      ],
      items.map((each) => [
        shortId(each.id),
        outcomeStyled(each.state),
        each.agent.name,
        each.tool,
        briefWords(each.brief),
        ago(each.requestedAt, nowMs),
        left(each, nowMs),
      ]),
    );
  }
  return exitCodes.ok;
};

const left = (approval: Approval, nowMs: number): string =>
  approval.state === 'waiting' ? duration(Math.max(0, Date.parse(approval.expiresAt) - nowMs)) : '–';

/** The approval with this id or unique beginning of one. @throws CliFailure when none or several begin so */
async function find(operator: ControlClient, id: string): Promise<Approval> {
  if (uuidPattern.test(id)) return operator.call('approvals.show', { params: { id } });
  const { items } = await operator.call('approvals.list', { query: { limit: 500 } });
  const matching = items.filter((each) => each.id.startsWith(id.toLowerCase()));
  const [only] = matching;
  if (id.length < idBeginningMin || only === undefined || matching.length > 1) {
    throw new CliFailure(
      exitCodes.refused,
      matching.length > 1 ? `Several approvals begin with ${id}` : `There is no approval ${id}`,
      {
        code: 'approvals.not_found',
        help: 'List the approvals with "atf approvals list".',
      },
    );
  }
  return operator.call('approvals.show', { params: { id: only.id } });
}

export const showApproval: Command = async (cli, [id = '']) => {
  const approval = await find(await cli.operator(), id);
  cli.out.document(approval);
  show(cli.out, approval);
  return exitCodes.ok;
};

/** The gateway's facts first, the agent's words after, marked as claimed; nothing left out. */
function show(out: Output, approval: Approval): void {
  const undo = approval.reversible
    ? `yes${approval.inverse === undefined ? '' : `, by ${approval.inverse}`}`
    : 'no';
  out.say`${outcomeStyled(approval.state)}: ${style('bold', approval.tool)} for ${approval.agent.name} (${approval.agent.level})`;
  out.table(
    [{ title: 'FACT' }, { title: '' }],
    [
      ['id', approval.id],
      ['class', approval.class],
      ['can be undone', undo],
      ['a person is asked because', approval.because],
      ...(approval.approver === undefined ? [] : [['may be approved only by', approval.approver]]),
      ['asked', approval.requestedAt],
      ['expires', approval.expiresAt],
      ['calls like it', `${approval.precedents.approved} approved, ${approval.precedents.rejected} rejected`],
      ['what is approved', `${approval.shownDigest} (digest)`],
      ...(approval.decidedBy === undefined
        ? []
        : [['decided by', `${approval.decidedBy}, ${approval.decidedAt ?? ''}`]]),
      ...(approval.reason === undefined ? [] : [['reason', approval.reason]]),
    ],
  );
  if (approval.statedText !== undefined) {
    out.say`What the agent says about it (claimed):`;
    out.block(pretty(approval.statedText));
  }
  out.say`Exactly these arguments would run (written by the agent, untrusted):`;
  if (approval.argsText === undefined) out.say`  not for your eyes: sign in as somebody who may decide`;
  else out.block(pretty(approval.argsText));
}

/** The stored text is canonical JSON; laid out for reading it says the same. */
function pretty(argsText: string): string {
  try {
    return JSON.stringify(JSON.parse(argsText), undefined, 2);
  } catch {
    return argsText;
  }
}

interface DecideOptions {
  readonly as?: string;
  readonly simulatePresence?: boolean;
  readonly open: boolean;
  readonly wait: string;
  readonly reason?: string;
}

export const approve: Command<DecideOptions> = async (cli, [id = ''], options) => {
  checkHandOver(options);
  const operator = await cli.operator();
  const approval = await find(operator, id);
  show(cli.out, approval);
  if (approval.state !== 'waiting') {
    throw new CliFailure(exitCodes.refused, `This approval is ${approval.state}`, {
      code: 'approvals.not_waiting',
    });
  }
  const decided =
    options.simulatePresence === true
      ? await approveSimulated(cli, operator, approval, options)
      : await handOver(cli, operator, approval, options);
  cli.out.document(decided);
  cli.out
    .say`${outcomeStyled(decided.state)} by ${decided.decidedBy ?? 'nobody'}${decided.reason === undefined ? '' : `: ${decided.reason}`}`;
  return decided.state === 'rejected' || decided.state === 'void' ? exitCodes.refused : exitCodes.ok;
};

async function approveSimulated(
  cli: Cli,
  operator: ControlClient,
  approval: Approval,
  options: DecideOptions,
): Promise<Approval> {
  if (options.as === undefined) throw new CliFailure(exitCodes.usage, '--simulate-presence needs --as EMAIL');
  const { signInAs } = await import('../person-session.ts');
  const session = await signInAs(operator, await personOf(operator, options.as));
  cli.out
    .note`${style('yellow', `SIMULATED: the presence of ${session.person.name} is simulated, as only the example workspace allows.`)}`;
  try {
    // Read again as the person who decides: the digest that is posted is of what that person may see.
    const { id, shownDigest } = await session.client.call('approvals.show', { params: { id: approval.id } });
    if (shownDigest !== approval.shownDigest)
      throw new CliFailure(exitCodes.refused, 'What was shown has changed', {
        code: 'approvals.digest_mismatch',
      });
    const presence = await session.simulatePresence({ kind: 'approval', id, digest: shownDigest });
    const reason = options.reason === undefined ? {} : { reason: options.reason };
    return await session.client.call('approvals.approve', {
      params: { id },
      body: { shownDigest, presence, ...reason },
    });
  } finally {
    await session.signOut();
  }
}

async function handOver(
  cli: Cli,
  operator: ControlClient,
  approval: Approval,
  options: DecideOptions,
): Promise<Approval> {
  const address = `${cli.controlUrl}/approvals/${approval.id}`;
  cli.out.note`A person decides in the console, with passkey or passphrase: ${style('cyan', address)}`;
  if (options.open && process.stdout.isTTY === true) openInBrowser(address);
  cli.out.note`Waiting for the decision (Ctrl-C leaves it waiting) …`;
  return untilDecided(cli, options.wait, async () => {
    const now = await operator.call('approvals.show', { params: { id: approval.id } });
    return now.state === 'waiting' ? undefined : now;
  });
}

export const reject: Command<{ readonly reason: string }> = async (cli, [id = ''], { reason }) => {
  const operator = await cli.operator();
  const approval = await find(operator, id);
  const rejected = await operator.call('approvals.reject', { params: { id: approval.id }, body: { reason } });
  cli.out.document(rejected);
  cli.out.say`${outcomeStyled(rejected.state)}: ${rejected.tool} for ${rejected.agent.name} will not run.`;
  return exitCodes.ok;
};
