/** Room: db. Every room's migrations; a room adds one import and one line. They run in the order of their names. */
import type { Migration } from '../context.ts';
import { migrations as feed } from '../feed/migrations.ts';
import { migrations as gateways } from '../gateways/migrations.ts';
import { migrations as keys } from '../keys/migrations.ts';
import { migrations as people } from '../people/migrations.ts';

export const migrations: readonly Migration[] = [...feed, ...gateways, ...keys, ...people];
