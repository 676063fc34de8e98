/** Room: db. Every room's migrations; a room adds one import and one line. They run in the order of their names. */
import type { Migration } from '../context.ts';
import { migrations as audit } from '../audit/migrations.ts';
import { migrations as approvals } from '../approvals/migrations.ts';
import { migrations as backup } from '../backup/migrations.ts';
import { migrations as drift } from '../data/drift/migrations.ts';
import { migrations as feed } from '../feed/migrations.ts';
import { migrations as gateways } from '../gateways/migrations.ts';
import { migrations as identity } from '../identity/migrations.ts';
import { migrations as incident } from '../incident/migrations.ts';
import { migrations as keys } from '../keys/migrations.ts';
import { migrations as lineage } from '../data/lineage/migrations.ts';
import { migrations as notifications } from '../notifications/migrations.ts';
import { migrations as people } from '../people/migrations.ts';
import { migrations as policy } from '../policy/migrations.ts';
import { migrations as replicas } from '../replicas/migrations.ts';
import { migrations as segmentation } from '../segmentation/migrations.ts';
import { migrations as trust } from '../data/trust/migrations.ts';
import { migrations as tokens } from '../data/tokens/migrations.ts';
import { migrations as workspace } from '../workspace/migrations.ts';

export const migrations: readonly Migration[] = [
  ...audit,
  ...approvals,
  ...backup,
  ...drift,
  ...feed,
  ...gateways,
  ...identity,
  ...incident,
  ...keys,
  ...lineage,
  ...notifications,
  ...people,
  ...policy,
  ...replicas,
  ...segmentation,
  ...tokens,
  ...trust,
  ...workspace,
];
