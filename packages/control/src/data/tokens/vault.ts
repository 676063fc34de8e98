/**
 * Room: data (D-3). Values that agents read tokens in place of. Control makes the tokens and seals the values, so that no gateway can open what it or another sealed before: a
 * gateway tells a value that it has just read, and is told one only for a call of the same session, to an argument that the settings in force name.
 */
import { createHmac } from 'node:crypto';
import { detectors } from '@atf/core/data/detectors/index';
import { isGivenTo, tokenHoursDefault } from '@atf/core/data/tokens';
import { sensitiveDefault } from '@atf/core/data/sensitive';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import type { BodyOut, Person, ResponseOf } from '@atf/core/wire/api';
import { revealShownText } from '@atf/core/wire/tokens';
import type { Control, Tx } from '../../context.ts';
import { sessionById } from '../../identity/credential-store.ts';
import { keepReason } from '../../incident/reasons.ts';
import { openEnvelope, sealEnvelope } from '../../keys/envelope.ts';
import { settingsInForce } from '../../policy/load.ts';
import { addTokens, countGiven, dropToken, tokenCount, type TokenRow, tokenRow } from './store.ts';

/** Of one agent at one time; what is more is masked and not kept. */
export const tokensOfAgentMax = 10_000;
/** How often one is turned back for tools. */
export const givenMax = 1_000;
const hourMs = 3_600_000;
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

const keyFor = (key: Uint8Array, use: 'name' | 'seal'): Buffer =>
  createHmac('sha256', key).update(`atf:data-token:${use}`).digest();

/** 130 bits of a keyed digest: the same value has the same token in one session, and nobody can tell that two sessions read the same one. */
function tokenOf(key: Uint8Array, parts: readonly string[]): string {
  const digest = createHmac('sha256', keyFor(key, 'name')).update(JSON.stringify(parts)).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 17)) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let at = 0; at < 26; at++, bits >>= 5n) text += alphabet[Number(bits & 31n)];
  return `tok_${text}`;
}

const contextOf = ({ tenant, token, agent_id, session, action }: Omit<TokenRow, 'box'>): string =>
  `atf:data-token:${JSON.stringify([tenant, token, agent_id, session, action])}`;

function opened({ keys }: Control, row: TokenRow): string {
  const { key } = keys.secret('token-value', row.kid);
  return (
    openEnvelope(keyFor(key, 'seal'), row.box, contextOf(row))?.toString() ?? refuse('data.token_unknown')
  );
}

/** The session is the agent's, and has not ended. */
async function checkSession({ config }: Control, tx: Tx, agentId: string, sid: string): Promise<void> {
  const session = await sessionById(tx, config.tenant, sid);
  if (session?.agent_id !== agentId || session.ended_at !== null) refuse('identity.session_revoked');
}

export async function keepValues(
  control: Control,
  { actionId, agentId, sid, tool, values }: BodyOut<'gateway.keepValues'>,
): Promise<ResponseOf<'gateway.keepValues'>> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    await checkSession(control, tx, agentId, sid);
    const nowMs = control.clock.nowMs();
    const { sensitive = sensitiveDefault } = await settingsInForce(control, tx);
    const expiresAt = nowMs + (sensitive.tokens?.hours ?? tokenHoursDefault) * hourMs;
    const { kid, key } = control.keys.secret('token-value');
    let room = tokensOfAgentMax - (await tokenCount(tx, tenant, agentId));
    const found: Record<string, number> = {};
    const tokens: (string | null)[] = [];
    const fresh = new Map<string, TokenRow>();
    for (const { detector, value } of values) {
      const token = tokenOf(key, [tenant, sid, detector, value]);
      const known = fresh.get(token) ?? (await tokenRow(tx, tenant, token));
      if (known !== undefined && known.expires_at <= nowMs) await dropToken(tx, tenant, token);
      const isKept = known !== undefined && known.expires_at > nowMs;
      if (!isKept && room-- <= 0) {
        tokens.push(null);
        continue;
      }
      tokens.push(token);
      if (isKept) continue;
      const row = {
        ...{ tenant, token, agent_id: agentId, session: sid, tool, action: actionId, detector, kid },
        ...{ expires_at: expiresAt, given: 0 },
      };
      fresh.set(token, {
        ...row,
        box: sealEnvelope(keyFor(key, 'seal'), Buffer.from(value), contextOf(row)),
      });
      found[detector] = (found[detector] ?? 0) + 1;
    }
    await addTokens(tx, [...fresh.values()]);
    if (fresh.size > 0)
      await control.audit.enqueue(tx, 'data.values_kept', {
        ...{ actionId, agentId, session: sid, tool, found },
        expiresAt: new Date(expiresAt).toISOString(),
      });
    return { tokens };
  });
}

export async function giveValues(
  control: Control,
  { actionId, agentId, sid, tool, tokens }: BodyOut<'gateway.giveValues'>,
): Promise<ResponseOf<'gateway.giveValues'>> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    await checkSession(control, tx, agentId, sid);
    const { sensitive = sensitiveDefault, detectors: own } = await settingsInForce(control, tx);
    const values: string[] = [];
    for (const { token, argument } of tokens) {
      const row = await liveToken(control, tx, token);
      const { agent_id, session, given, detector: id } = row;
      // Whoever guesses learns no more than that it is none of theirs.
      if (agent_id !== agentId || session !== sid || given >= givenMax) refuse('data.token_unknown');
      const detector = [...detectors, ...own].find((each) => each.id === id);
      if (detector === undefined || !isGivenTo(sensitive, tool, argument, detector))
        refuse('data.token_unknown');
      values.push(opened(control, row));
      await countGiven(tx, tenant, token);
    }
    await control.audit.enqueue(tx, 'data.values_given', {
      ...{ actionId, agentId, session: sid, tool },
      tokens: tokens.map(({ token, argument }) => ({ token, argument })),
    });
    return { values };
  });
}

async function liveToken({ config, clock }: Control, tx: Tx, token: string): Promise<TokenRow> {
  const row = await tokenRow(tx, config.tenant, token);
  return row !== undefined && row.expires_at > clock.nowMs() ? row : refuse('data.token_unknown');
}

export async function revealValue(
  control: Control,
  person: Person,
  token: string,
  { reason, presence }: BodyOut<'tokens.reveal'>,
): Promise<ResponseOf<'tokens.reveal'>> {
  return control.change(async (tx) => {
    const digest = sha256(revealShownText(token, reason));
    const { method } = await control.presence.consume(tx, person, presence, {
      kind: 'token',
      id: token,
      digest,
    });
    const row = await liveToken(control, tx, token);
    const value = opened(control, row);
    const { agent_id: agentId, action: actionId, detector, tool, expires_at: expiresAt } = row;
    const reasonId = await keepReason(control, tx, person.id, { kind: 'revealed', key: token, reason });
    await control.audit.enqueue(tx, 'data.value_revealed', {
      ...{ token, agentId, actionId, detector, tool, presence: method, reasonId, by: person.id },
    });
    return { value, detector, agentId, tool, actionId, expiresAt: new Date(expiresAt).toISOString() };
  });
}

export async function forgetValue(
  control: Control,
  person: Person,
  token: string,
  reason: string,
): Promise<void> {
  await control.change(async (tx) => {
    if (!(await dropToken(tx, control.config.tenant, token))) refuse('data.token_unknown');
    const reasonId = await keepReason(control, tx, person.id, { kind: 'forgotten', key: token, reason });
    await control.audit.enqueue(tx, 'data.value_forgotten', { token, reasonId, by: person.id });
  });
}
