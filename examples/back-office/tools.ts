import { setTimeout as pause } from 'node:timers/promises';
import { type CallToolResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { type Office, OfficeRefusal, type OfficeState } from './office.ts';

const customerId = z
  .string()
  .regex(/^C-\d{4}$/)
  .describe('Customer number, for example C-1001');
const orderId = z
  .string()
  .regex(/^O-\d{4}$/)
  .describe('Order number, for example O-5001');
const refundId = z
  .string()
  .regex(/^R-\d{4}$/)
  .describe('Refund number, for example R-0001');
const amount = z
  .number()
  .min(0.01)
  .max(1_000_000)
  .multipleOf(0.01)
  .describe('In units of the currency, at most two decimals');
const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .describe('ISO 4217 code, for example EUR');
const pageSize = z.int().min(1).max(100).default(50).describe('Entries at most');
const orderStatus = z.enum(['processing', 'shipped', 'delivered', 'cancelled']);

const customerShape = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  phone: z.string(),
  city: z.string(),
  iban: z.string(),
  tier: z.enum(['standard', 'gold', 'business']),
});
const orderShape = z.object({
  id: z.string(),
  customerId: z.string(),
  placedOn: z.string(),
  status: orderStatus,
  total: z.number(),
  currency: z.string(),
  lines: z.array(z.object({ article: z.string(), quantity: z.number(), unitPrice: z.number() })),
  customerNote: z.string(),
});
const refundShape = z.object({
  id: z.string(),
  orderId: z.string(),
  amount: z.number(),
  currency: z.string(),
  reason: z.string(),
  status: z.enum(['issued', 'cancelled']),
  issuedAt: z.string(),
});

const reads = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };
const writes = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false };

const exportStepMs = 100;
const exportSecondsMax = 120;

/** One MCP server over the office; cheap, so that every connection or request can have its own. */
export function backOfficeServer(office: Office): McpServer {
  const server = new McpServer(
    { name: 'back-office', title: 'Back office', version: '0.1.0' },
    {
      instructions:
        'Customers, orders, refunds and outgoing e-mail of a small shop. Amounts are in units of the currency.',
    },
  );
  addCustomerTools(server, office);
  addOrderTools(server, office);
  addRefundTools(server, office);
  addEmailTool(server, office);
  addReportTool(server, office);
  return server;
}

function addCustomerTools(server: McpServer, office: Office): void {
  server.registerTool(
    'list_customers',
    {
      title: 'List customers',
      description: 'All customers with contact and bank details, in order of their number.',
      inputSchema: z.strictObject({ limit: pageSize }),
      outputSchema: z.object({ customers: z.array(customerShape) }),
      annotations: reads,
    },
    ({ limit }) => answer({ customers: office.read().customers.slice(0, limit) }),
  );
  server.registerTool(
    'search_customers',
    {
      title: 'Search customers',
      description: 'Customers whose name, e-mail address or city contains the words of the query.',
      inputSchema: z.strictObject({
        query: z.string().min(1).max(200).describe('Words to look for'),
        limit: pageSize,
      }),
      outputSchema: z.object({ customers: z.array(customerShape) }),
      annotations: reads,
    },
    ({ query, limit }) => {
      const words = query.toLowerCase().split(/\s+/).filter(Boolean);
      const found = office.read().customers.filter((each) => {
        const text = `${each.id} ${each.name} ${each.email} ${each.city}`.toLowerCase();
        return words.every((word) => text.includes(word));
      });
      return answer({ customers: found.slice(0, limit) });
    },
  );
  server.registerTool(
    'delete_customer',
    {
      title: 'Delete customer',
      description:
        'Removes a customer record for good. Orders stay, without a customer to contact. Cannot be undone.',
      inputSchema: z.strictObject({ customer_id: customerId }),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    },
    ({ customer_id }) =>
      attempt(() =>
        office.change((state) => {
          if (!state.customers.some((each) => each.id === customer_id))
            throw new OfficeRefusal(`No customer ${customer_id}.`);
          state.customers = state.customers.filter((each) => each.id !== customer_id);
          return {
            value: { deleted: customer_id },
            effect: 'customer.deleted',
            details: { id: customer_id },
          };
        }),
      ),
  );
}

function addOrderTools(server: McpServer, office: Office): void {
  server.registerTool(
    'list_orders',
    {
      title: 'List orders',
      description:
        "Orders, newest first, optionally of one customer or one status. Customer notes are the customer's own words.",
      inputSchema: z.strictObject({
        customer_id: customerId.optional(),
        status: orderStatus.optional(),
        limit: pageSize,
      }),
      outputSchema: z.object({ orders: z.array(orderShape) }),
      annotations: reads,
    },
    ({ customer_id, status, limit }) => {
      const orders = office
        .read()
        .orders.filter((each) => customer_id === undefined || each.customerId === customer_id)
        .filter((each) => status === undefined || each.status === status)
        .sort((a, b) => b.placedOn.localeCompare(a.placedOn));
      return answer({ orders: orders.slice(0, limit) });
    },
  );
  server.registerTool(
    'get_order',
    {
      title: 'Get order',
      description: "One order with its lines, the customer's note and the refunds made for it.",
      inputSchema: z.strictObject({ order_id: orderId }),
      outputSchema: z.object({ order: orderShape, refunds: z.array(refundShape) }),
      annotations: reads,
    },
    ({ order_id }) =>
      attempt(() => {
        const state = office.read();
        return {
          order: orderOf(state, order_id),
          refunds: state.refunds.filter((each) => each.orderId === order_id),
        };
      }),
  );
  server.registerTool(
    'update_order_status',
    {
      title: 'Update order status',
      description: 'Sets the status of an order. Setting the former status again undoes it.',
      inputSchema: z.strictObject({ order_id: orderId, status: orderStatus }),
      annotations: { ...writes, idempotentHint: true },
    },
    ({ order_id, status }) =>
      attempt(() =>
        office.change((state) => {
          const order = orderOf(state, order_id);
          const former = order.status;
          order.status = status;
          const value = { order_id, status, former_status: former };
          return { value, effect: 'order.status_changed', details: { id: order_id, status, former } };
        }),
      ),
  );
}

function addRefundTools(server: McpServer, office: Office): void {
  server.registerTool(
    'list_refunds',
    {
      title: 'List refunds',
      description: 'All refunds, newest first.',
      inputSchema: z.strictObject({ limit: pageSize }),
      outputSchema: z.object({ refunds: z.array(refundShape) }),
      annotations: reads,
    },
    ({ limit }) => answer({ refunds: office.read().refunds.reverse().slice(0, limit) }),
  );
  server.registerTool(
    'create_refund',
    {
      title: 'Create refund',
      description: 'Pays money back for an order, at most what the order cost. cancel_refund takes it back.',
      inputSchema: z.strictObject({
        order_id: orderId,
        amount,
        currency,
        reason: z.string().min(1).max(500).describe('Why, for the books'),
      }),
      annotations: writes,
    },
    ({ order_id, amount, currency, reason }) =>
      attempt(() => office.change((state) => createRefund(state, order_id, amount, currency, reason))),
  );
  server.registerTool(
    'cancel_refund',
    {
      title: 'Cancel refund',
      description: 'Takes back a refund that was created; the inverse of create_refund.',
      inputSchema: z.strictObject({ refund_id: refundId, reason: z.string().min(1).max(500).optional() }),
      annotations: writes,
    },
    ({ refund_id }) =>
      attempt(() =>
        office.change((state) => {
          const refund = state.refunds.find((each) => each.id === refund_id);
          if (refund === undefined) throw new OfficeRefusal(`No refund ${refund_id}.`);
          if (refund.status === 'cancelled')
            throw new OfficeRefusal(`Refund ${refund_id} was cancelled before.`);
          refund.status = 'cancelled';
          return {
            value: { refund },
            effect: 'refund.cancelled',
            details: { id: refund_id, orderId: refund.orderId },
          };
        }),
      ),
  );
}

function createRefund(state: OfficeState, id: string, amount: number, currency: string, reason: string) {
  const order = orderOf(state, id);
  if (order.currency !== currency) throw new OfficeRefusal(`Order ${id} was paid in ${order.currency}.`);
  // Whole cents, so that sums of decimals do not drift.
  const cents = (value: number) => Math.round(value * 100);
  const refunded = state.refunds
    .filter((each) => each.orderId === id && each.status === 'issued')
    .reduce((sum, each) => sum + cents(each.amount), 0);
  const left = cents(order.total) - refunded;
  if (cents(amount) > left) {
    throw new OfficeRefusal(`Order ${id} has ${(left / 100).toFixed(2)} ${currency} left to refund.`);
  }
  const refund = {
    id: `R-${String(state.nextId.refund++).padStart(4, '0')}`,
    orderId: id,
    amount,
    currency,
    reason,
    status: 'issued' as const,
    issuedAt: new Date().toISOString(),
  };
  state.refunds.push(refund);
  return {
    value: { refund },
    effect: 'refund.created',
    details: { id: refund.id, orderId: id, amount, currency },
  };
}

function addEmailTool(server: McpServer, office: Office): void {
  const oneLine = (max: number) =>
    z
      .string()
      .min(1)
      .max(max)
      .regex(/^[^\r\n]*$/, 'one line');
  server.registerTool(
    'send_email',
    {
      title: 'Send e-mail',
      description: 'Sends an e-mail in the name of the shop. It cannot be called back.',
      inputSchema: z.strictObject({
        to: z.email().max(254).describe('Address of the recipient'),
        subject: oneLine(200),
        body: z.string().min(1).max(20_000).describe('Plain text'),
      }),
      annotations: {
        readOnlyHint: false,
        destructiveHint: false,
        idempotentHint: false,
        openWorldHint: true,
      },
    },
    ({ to, subject, body }) =>
      attempt(() =>
        office.change((state) => {
          const id = `E-${String(state.nextId.email++).padStart(4, '0')}`;
          const sentAt = new Date().toISOString();
          const text = [
            'From: shop@example.com',
            `To: ${to}`,
            `Subject: ${subject}`,
            `Date: ${new Date(sentAt).toUTCString()}`,
            `Message-ID: <${id}.${Date.parse(sentAt)}@example.com>`,
            'Content-Type: text/plain; charset=utf-8',
            '',
            body.replaceAll(/\r?\n/g, '\r\n'),
            '',
          ].join('\r\n');
          const file = office.writeOnce('outbox', `${id}.eml`, text);
          state.emails.push({ id, to, subject, file, sentAt });
          return { value: { email_id: id, status: 'sent' }, effect: 'email.sent', details: { id } };
        }),
      ),
  );
}

function addReportTool(server: McpServer, office: Office): void {
  server.registerTool(
    'export_report',
    {
      title: 'Export report',
      description:
        'Writes a report of all orders to the report folder, slowly: it works step by step for the given seconds.',
      inputSchema: z.strictObject({
        report: z.enum(['orders', 'refunds']).default('orders'),
        seconds: z.number().min(0).max(exportSecondsMax).default(5).describe('How long the export takes'),
      }),
      annotations: writes,
    },
    async ({ report, seconds }, context) => {
      const steps = Math.ceil((seconds * 1000) / exportStepMs);
      const id = office.change((state) => {
        const value = `X-${String(state.nextId.report++).padStart(4, '0')}`;
        return { value, effect: 'report.started', details: { id: value, steps } };
      });
      for (let step = 1; step <= steps; step++) {
        // A cancelled export stops here, before its next effect, and leaves no further trace.
        await pause(exportStepMs, undefined, { signal: context.mcpReq.signal });
        office.change(() => ({ value: null, effect: 'report.step', details: { id, step, steps } }));
      }
      return attempt(() =>
        office.change((state) => {
          const rows =
            report === 'orders'
              ? state.orders.map((each) => [each.id, each.customerId, each.placedOn, each.status, each.total])
              : state.refunds.map((each) => [each.id, each.orderId, each.issuedAt, each.status, each.amount]);
          const file = office.writeOnce(
            'reports',
            `${id}.csv`,
            `${rows.map((row) => row.join(';')).join('\n')}\n`,
          );
          return {
            value: { report_id: id, file, rows: rows.length },
            effect: 'report.finished',
            details: { id },
          };
        }),
      );
    },
  );
}

function orderOf(state: OfficeState, id: string): OfficeState['orders'][number] {
  const order = state.orders.find((each) => each.id === id);
  if (order === undefined) throw new OfficeRefusal(`No order ${id}.`);
  return order;
}

function answer(value: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
}

function failure(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

/** A refusal of the office is a tool result that the model can read; anything else is a fault. */
function attempt(work: () => Record<string, unknown>): CallToolResult {
  try {
    return answer(work());
  } catch (error) {
    if (error instanceof OfficeRefusal) return failure(error.message);
    throw error;
  }
}
