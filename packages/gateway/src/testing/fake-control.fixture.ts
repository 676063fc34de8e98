/**
 * A control plane for tests of the gateway: keeps documents by version, answers beats, stores approvals with compare-and-set, takes spool
 * frames and verifies them. It can fall silent, lie and lose answers. It is a fake, not a mock: it behaves, and records what it was told.
 */
import { Budgets } from './budgets.fixture.ts';
import { ReadLabels } from './labels.fixture.ts';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Entry } from '@atf/core/audit/entry';
import { importGatewayKey } from '@atf/core/audit/gateway-key';
import { openPayload } from '@atf/core/audit/payload';
import { decodeBatch, shipmentFramesMax, splitFrames, verifyBatch } from '@atf/core/audit/spool-frame';
import { problemOf, refusal, type ErrorCode } from '@atf/core/errors';
import { readCompactJws, p256Key, verifiesEs256, type P256PublicJwk } from '@atf/core/identity/compact-jws';
import { jwkThumbprint } from '@atf/core/identity/dpop';
import { rawPaths } from '@atf/core/wire/api';
import type { ApprovalDoc, ContainmentDoc, FeedTopic } from '@atf/core/wire/feed';
import { gatewayProofType } from '@atf/core/wire/token';
import { type WebSocket, WebSocketServer } from 'ws';
import { tenant } from './documents.fixture.ts';

interface StoredApproval {
  doc: ApprovalDoc;
  readonly argsText: string;
  redeemed: number;
  /** Action that it was released to. */
  releasedTo?: string;
  outcome: { status: string; resultText?: string } | undefined;
}

interface Doc {
  readonly topic: FeedTopic;
  readonly key: string;
  version: number;
  body: unknown;
}

export interface Told {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

export class FakeControl {
  readonly budgets = new Budgets();
  readonly labels = new ReadLabels();
  /** Shipments get no answer. */
  spoolLost = false;
  readonly docs = new Map<string, Doc>();
  readonly approvals = new Map<string, StoredApproval>();
  readonly told: Told[] = [];
  readonly entries: Entry[] = [];
  readonly payloads = new Map<string, string>();
  readonly contained: { key: string; aborted: number; tookMs: number }[] = [];
  readonly joinToken = randomBytes(24).toString('base64url');
  readonly payloadKey = randomBytes(32);
  /** Beats stay unanswered. */
  silent = false;
  /** Answers to redemptions are lost after they took effect. */
  loseRedemptions = false;
  /** Feed connections are refused. */
  feedClosed = false;
  beats = 0;
  gateway: { readonly id: string; readonly jwk: P256PublicJwk } | undefined;
  version = 0;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #open = new Set<WebSocket>();

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.feedClosed || this.#proved(request, 'GET') === undefined) {
        socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (open) => this.#connect(open));
    });
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Cuts every feed connection. */
  cut(): void {
    for (const socket of this.#open) socket.terminate();
  }

  put(topic: FeedTopic, key: string, body: unknown): void {
    this.version++;
    this.docs.set(`${topic} ${key}`, { topic, key, version: this.version, body });
    this.#broadcast({
      t: 'docs',
      version: this.version,
      more: false,
      docs: [{ topic, key, version: this.version, body }],
    });
  }

  /** A frame as it is, also one that no control would send. */
  raw(text: string): void {
    for (const socket of this.#open) socket.send(text);
  }

  contain(doc: ContainmentDoc): void {
    this.#broadcast({ t: 'contain', key: `${doc.scope.kind}:${doc.scope.id}`, body: doc });
  }

  get connected(): boolean {
    return this.#open.size > 0;
  }

  decideApproval(id: string, state: 'approved' | 'rejected' | 'expired', reason?: string): void {
    const approval = this.approvals.get(id);
    if (approval === undefined) throw new Error('no such approval');
    this.#setApproval(approval, {
      ...approval.doc,
      state,
      ...(reason === undefined ? {} : { reason }),
      decidedBy: 'person',
    });
  }

  /** As another gateway would leave it. */
  setApproval(id: string, state: ApprovalDoc['state']): void {
    const approval = this.approvals.get(id);
    if (approval === undefined) throw new Error('no such approval');
    this.#setApproval(approval, { ...approval.doc, state });
  }

  #setApproval(approval: StoredApproval, doc: ApprovalDoc): void {
    approval.doc = doc;
    this.put('approval', doc.id, doc);
  }

  #broadcast(frame: object): void {
    this.raw(JSON.stringify(frame));
  }

  #connect(socket: WebSocket): void {
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as {
        t: string;
        have: number;
        nonce: string;
        key: string;
        aborted: number;
        tookMs: number;
      };
      if (frame.t === 'hello') this.#catchUp(socket, frame.have);
      if (frame.t === 'contained')
        this.contained.push({ key: frame.key, aborted: frame.aborted, tookMs: frame.tookMs });
      if (frame.t !== 'beat') return;
      this.beats++;
      if (!this.silent) socket.send(JSON.stringify({ t: 'beat', nonce: frame.nonce, version: this.version }));
    });
  }

  #catchUp(socket: WebSocket, have: number): void {
    const full = have === 0 || have > this.version;
    const docs = [...this.docs.values()]
      .filter(({ version }) => full || version > have)
      .sort((a, b) => a.version - b.version);
    socket.send(
      JSON.stringify({
        t: 'docs',
        version: this.version,
        more: false,
        ...(full ? { full: true } : {}),
        docs,
      }),
    );
  }

  /** The id of the gateway whose proof this request carries. */
  #proved(request: IncomingMessage, method: string): string | undefined {
    const text = /^GatewayProof (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const jws = readCompactJws(text, gatewayProofType);
    const key = this.gateway === undefined ? undefined : p256Key(this.gateway.jwk);
    if (jws === undefined || key === undefined || !verifiesEs256(jws, key)) return undefined;
    const { iss, aud, htm, htu } = jws.payload;
    const address = `${this.url}${(request.url ?? '').split('?')[0]}`;
    return iss === this.gateway?.id && aud === 'atf:control' && htm === method && htu === address
      ? String(iss)
      : undefined;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const path = request.url ?? '';
    const isFrame = path === rawPaths.spool;
    const body =
      isFrame || bytes.length === 0 ? {} : (JSON.parse(bytes.toString()) as Record<string, unknown>);
    if (path !== '/v1/gateways/enrol' && this.#proved(request, request.method ?? '') === undefined) {
      return this.#refuse(response, 'identity.gateway_unknown');
    }
    if (!isFrame && path !== '/v1/gateway/calls') this.told.push({ path, body });
    if (isFrame && this.spoolLost) return void response.destroy();
    const answer = isFrame ? this.#intake(bytes) : this.#answer(path, body);
    if (answer === 'lost') return void response.destroy();
    if (typeof answer === 'string') return this.#refuse(response, answer);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  }

  #refuse(response: ServerResponse, code: ErrorCode): void {
    const problem = problemOf(refusal(code));
    response.writeHead(problem.status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify(problem));
  }

  #answer(path: string, body: Record<string, unknown>): object | ErrorCode | 'lost' {
    const [, , , , id = '', verb] = path.split('/');
    if (path === '/v1/gateways/enrol') return this.#enrol(body);
    if (path === '/v1/gateway/started') return { ok: true };
    if (path === '/v1/gateway/labels') return this.labels.read(body, Date.now());
    if (path === '/v1/gateway/calls') return this.budgets.lease(body, Date.now());
    if (path === '/v1/gateway/standing') return { epochMax: 0 };
    if (path === '/v1/gateway/payload-key')
      return { kid: 'payload-1', key: this.payloadKey.toString('base64url') };
    if (path === '/v1/gateway/notifications' || path.endsWith('/discovery')) return { ok: true };
    if (path === '/v1/gateway/approvals') return this.#requestApproval(body);
    const approval = this.approvals.get(id);
    if (approval === undefined) return 'approvals.not_found';
    if (verb === 'redeem') return this.#redeem(approval, body);
    if (this.loseRedemptions) return 'lost';
    if (body['actionId'] !== approval.releasedTo) return 'approvals.not_found';
    approval.outcome = body['outcome'] as NonNullable<StoredApproval['outcome']>;
    this.#setApproval(approval, { ...approval.doc, state: 'done' });
    return { ok: true };
  }

  #enrol(body: Record<string, unknown>): object | ErrorCode {
    const jwk = body['publicKey'] as P256PublicJwk;
    const jws = readCompactJws(String(body['proof']), gatewayProofType);
    const key = p256Key(jwk);
    if (
      body['joinToken'] !== this.joinToken ||
      jws === undefined ||
      key === undefined ||
      !verifiesEs256(jws, key)
    )
      return 'identity.join_token_invalid';
    this.gateway = { id: randomUUID(), jwk };
    return { gatewayId: this.gateway.id, name: 'gateway-1', tenant, servers: '*' };
  }

  #requestApproval(body: Record<string, unknown>): object {
    const expiresAt = new Date(Date.now() + 600_000).toISOString();
    const doc: ApprovalDoc = {
      id: randomUUID(),
      agentId: String(body['agentId']),
      sid: String(body['sid']),
      tool: String(body['tool']),
      argsDigest: String(body['argsDigest']),
      definitionDigest: String(body['definitionDigest']),
      state: 'waiting',
      expiresAt,
    };
    const approval: StoredApproval = {
      doc,
      argsText: String(body['argsText']),
      redeemed: 0,
      outcome: undefined,
    };
    this.approvals.set(doc.id, approval);
    this.#setApproval(approval, doc);
    return { id: doc.id, state: doc.state, expiresAt };
  }

  #redeem(approval: StoredApproval, body: Record<string, unknown>): object | ErrorCode | 'lost' {
    if (body['agentId'] !== approval.doc.agentId) return 'approvals.not_found';
    const released = approval.doc.state === 'approved';
    if (released) {
      approval.redeemed++;
      approval.releasedTo = String(body['actionId']);
      this.#setApproval(approval, { ...approval.doc, state: 'consumed' });
    }
    if (this.loseRedemptions) return 'lost';
    const { state, tool, argsDigest, definitionDigest, expiresAt, decidedBy, reason } = approval.doc;
    return {
      state,
      released,
      tool,
      argsDigest,
      definitionDigest,
      expiresAt,
      ...(released ? { argsText: approval.argsText } : {}),
      ...(decidedBy === undefined ? {} : { decidedBy }),
      ...(reason === undefined ? {} : { reason }),
      ...(approval.outcome === undefined ? {} : { outcome: approval.outcome }),
    };
  }

  #intake(bytes: Uint8Array): object | ErrorCode {
    let answer: object | ErrorCode = 'audit.batch_invalid';
    for (const frame of splitFrames(bytes, shipmentFramesMax) ?? []) answer = this.#intakeFrame(frame);
    return answer;
  }

  #intakeFrame(frame: Uint8Array): object | ErrorCode {
    const batch = decodeBatch(frame);
    const jwk = this.gateway?.jwk;
    if (batch === undefined || jwk === undefined) return 'audit.batch_invalid';
    const key = importGatewayKey({ kid: jwkThumbprint(jwk), alg: 'ES256', jwk: { ...jwk } });
    const verified = verifyBatch(batch, key === undefined ? [] : [key]);
    if (!verified.ok) return 'audit.batch_invalid';
    for (const { entry, payload, seq } of verified.records) {
      if (this.entries.some(({ source }) => 'seq' in source && source.seq === seq)) continue;
      this.entries.push(entry);
      if (payload === undefined || entry.payload === undefined) continue;
      const opened = openPayload({ ...payload, commitment: entry.payload.commitment }, this.payloadKey);
      this.payloads.set(entry.payload.id, opened?.toString() ?? 'cannot be opened');
    }
    return { position: { epoch: batch.epoch, seq: batch.firstSeq + batch.records.length - 1 } };
  }

  /** Records of one action, in order. */
  story(actionId: string | undefined): Entry[] {
    return this.entries.filter(({ action }) => action === actionId);
  }

  payloadOf(entry: Entry | undefined): string | undefined {
    return this.payloads.get(entry?.payload?.id ?? '');
  }
}
