/**
 * Room: approvals (D-4). What says that calls were shown to a person: a keyed hash over who, which and until when, so that it needs no place of its own. It does not say that
 * the person has read them.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import type { Person } from '@atf/core/wire/api';
import { canonicalJson } from '@atf/core/wire/json';
import type { Control } from '../context.ts';

const validMs = 30 * 60_000;

interface Shown {
  readonly id: string;
  readonly person: Pick<Person, 'id'>;
  readonly actionIds: readonly string[];
}

const macOf = ({ keys, config }: Control, { id, person, actionIds }: Shown, untilMs: number): string =>
  createHmac('sha256', keys.secret('session').key)
    .update(
      `review:${canonicalJson([config.tenant, id, person.id, untilMs, [...new Set(actionIds)].sort()])}`,
    )
    .digest('base64url');

export function sealOf(control: Control, shown: Shown): string {
  const untilMs = control.clock.nowMs() + validMs;
  return `${untilMs}.${macOf(control, shown, untilMs)}`;
}

export function isSealOf(control: Control, seal: string, shown: Shown): boolean {
  const [until = '', mac = ''] = seal.split('.');
  if (!/^\d{1,15}$/.test(until) || Number(until) <= control.clock.nowMs()) return false;
  const wanted = macOf(control, shown, Number(until));
  return timingSafeEqual(Buffer.from(sha256(mac)), Buffer.from(sha256(wanted)));
}
