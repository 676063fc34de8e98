/**
 * Room: db. All tables, room by room: each room owns its table interfaces in its own `tables.ts` and adds one line here. Column types are
 * the TypeScript side of one SQL dialect: `bigint` arrives as a number on both databases (or throws beyond 2^53), `jsonb` is written
 * with `JSON.stringify` and arrives parsed, times are `bigint` Unix milliseconds.
 */
import type { AuditTables } from '../audit/tables.ts';
import type { ApprovalTables } from '../approvals/tables.ts';
import type { BackupTables } from '../backup/tables.ts';
import type { DriftTables } from '../data/drift/tables.ts';
import type { FeedTables } from '../feed/tables.ts';
import type { GatewayTables } from '../gateways/tables.ts';
import type { IdentityTables } from '../identity/tables.ts';
import type { IncidentTables } from '../incident/tables.ts';
import type { KeyTables } from '../keys/tables.ts';
import type { LineageTables } from '../data/lineage/tables.ts';
import type { TrustTables } from '../data/trust/tables.ts';
import type { TokenTables } from '../data/tokens/tables.ts';
import type { NotificationTables } from '../notifications/tables.ts';
import type { PeopleTables } from '../people/tables.ts';
import type { PolicyTables } from '../policy/tables.ts';
import type { ReplicaTables } from '../replicas/tables.ts';
import type { SegmentationTables } from '../segmentation/tables.ts';
import type { WorkspaceTables } from '../workspace/tables.ts';

export interface Tables
  extends ApprovalTables,
    BackupTables,
    DriftTables,
    FeedTables,
    GatewayTables,
    IdentityTables,
    IncidentTables,
    KeyTables,
    LineageTables,
    TokenTables,
    TrustTables,
    AuditTables,
    NotificationTables,
    PeopleTables,
    PolicyTables,
    ReplicaTables,
    SegmentationTables,
    WorkspaceTables {}
