/**
 * Room: db. All tables, room by room: each room owns its table interfaces in its own `tables.ts` and adds one line here. Column types are
 * the TypeScript side of one SQL dialect: `bigint` arrives as a number on both databases (or throws beyond 2^53), `jsonb` is written
 * with `JSON.stringify` and arrives parsed, times are `bigint` Unix milliseconds.
 */
import type { FeedTables } from '../feed/tables.ts';
import type { GatewayTables } from '../gateways/tables.ts';
import type { KeyTables } from '../keys/tables.ts';
import type { PeopleTables } from '../people/tables.ts';

export interface Tables extends FeedTables, GatewayTables, KeyTables, PeopleTables {}
