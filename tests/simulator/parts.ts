/** What stands in for parts of the product in the simulator. Import it before anything of the product. */
import { vi } from 'vitest';

vi.mock('ws', async () => ({ WebSocket: (await import('./network.ts')).VirtualSocket }));
vi.mock('../../packages/control/src/feed/store.ts', () => import('./feed-rows.ts'));
vi.mock('../../packages/control/src/audit/store.ts', () => import('./audit-rows.ts'));
vi.mock('../../packages/control/src/audit/index-store.ts', () => import('./audit-rows.ts'));
vi.mock('../../packages/control/src/replicas/store.ts', () => import('./replica-rows.ts'));
vi.mock('../../packages/control/src/approvals/review-store.ts', () => import('./review-rows.ts'));
vi.mock('../../packages/control/src/data/trust/store.ts', async (original) => ({
  ...(await original<object>()),
  ...(await import('./source-rows.ts')),
}));
vi.mock('../../packages/control/src/notifications/store.ts', () => import('./notification-rows.ts'));
vi.mock('../../packages/core/src/data/schema.ts', () => import('./compiled-schemas.ts'));
vi.mock('../../packages/core/src/audit/gateway-key.ts', () => import('./seals.ts'));
