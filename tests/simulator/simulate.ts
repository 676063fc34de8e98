/** One run: a seed decides everything that happens in it. */
import { RefusalError } from '@atf/core/errors';
import { sha256 } from '@atf/core/digest';
import { AgentActor, type Cast, People } from './actors.ts';
import { Adapting } from './adapting.ts';
import { AtDesk, atDeskMs } from './at-desk.ts';
import { AtRest } from './at-rest.ts';
import { Chaos } from './chaos.ts';
import { Checks } from './checks.ts';
import { ControlNode } from './control-node.ts';
import { ControlState } from './control-state.ts';
import { CheckpointWatch, FinalChecks, type FinalCounts } from './final-checks.ts';
import { type GatewayFaults, GatewayNode } from './gateway-node.ts';
import { type Link, useLinks } from './network.ts';
import type { OriginChecks } from './origin-checks.ts';
import { Random } from './random.ts';
import { Restore } from './restore.ts';
import { logFiles, logFileTable } from './row-tiles.ts';
import type { Policies } from './scene.ts';
import { VirtualTiles } from './tiles.ts';
import type { SessionChecks } from './session-checks.ts';
import { Together, togetherMs } from './together.ts';
import { ToolServers } from './tool-servers.ts';
import { Trace, Violation } from './trace.ts';
import { installTimers, settled, VirtualTime } from './virtual-time.ts';

/** Virtual milliseconds: faults come and go, then everything is healed and comes to rest. */
const turbulentMs = 2_000;
/** Long enough for a leader to be replaced while it is paused, and to go on. */
const longTurbulentMs = 7_000;
/** With the lease of a leader in it, and the turns in which another one takes over. */
const leaderPauseMs: readonly [number, number] = [4_000, 5_000];
/** Long enough for a backup, a disaster, and faults after it. */
const restoredTurbulentMs = 4_500;
const restMs = 3_000;
const startMs = 400;
/** What is adapted, and who works together, is drawn beside all else. */
const besideSeed = 0x5eed;
/** Nobody leads yet: looked for again after this. */
const leaderAgainMs = 500;

/** Breaks put in on purpose (mutants.test.ts). */
export interface Mutation extends GatewayFaults {
  readonly releaseAlways?: boolean;
  readonly otherBytes?: boolean;
  /** Chance that the tile store forgets a file that it promised to keep. */
  readonly tilesForget?: number;
  /** False: the leader writes without its fence. */
  readonly fences?: boolean;
  readonly leadsOnce?: boolean;
  readonly ownBudgets?: boolean;
  readonly restoresRunning?: boolean;
  readonly restoresOpen?: boolean;
  /** A restored log goes on under the name that it had. */
  readonly keepsOrigin?: boolean;
  /** Changes code for the run, and gives what puts it back. */
  readonly patched?: () => () => void;
}

export interface Run {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** What led to the violation, shortened to what concerns it. */
  readonly explanation: string;
  readonly checksum: string;
  readonly steps: number;
  readonly counts: Checks['counts'] &
    SessionChecks['counts'] &
    OriginChecks['counts'] &
    Partial<FinalCounts> & { readonly effects: number; readonly crashes: number };
}

export async function simulate(seed: number, policies: Policies, mutation: Mutation = {}): Promise<Run> {
  const time = new VirtualTime();
  const trace = new Trace(() => time.nowMs);
  const stage = new Stage(seed, policies, mutation, time, trace);
  const restore = installTimers(time);
  const unpatch = mutation.patched?.();
  let violation: Violation | undefined;
  let final: FinalCounts | undefined;
  try {
    final = await stage.play();
  } catch (fault) {
    if (!(fault instanceof Violation)) throw fault;
    violation = fault;
  } finally {
    await stage.end();
    restore();
    unpatch?.();
  }
  const { counts, effects, sessions, origins } = stage.checks;
  const crashes = [...stage.retired, ...stage.gateways].reduce((sum, gateway) => sum + gateway.crashes, 0);
  return {
    seed,
    violation,
    explanation: violation === undefined ? '' : trace.explain(violation.about),
    checksum: sha256(`${trace.count} ${trace.checksum}`),
    steps: time.steps,
    counts: { ...counts, ...sessions.counts, ...origins.counts, ...final, effects: effects.length, crashes },
  };
}

/** Gateways and control replicas, by seed: as embedded, and as production runs it. */
const shapes = [
  [1, 1],
  [2, 1],
  [2, 2],
  [2, 2],
] as const;

class Stage {
  readonly checks: Checks;
  readonly gateways: GatewayNode[] = [];
  /** Those that a restore left behind. */
  readonly retired: GatewayNode[] = [];
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #tiles: VirtualTiles;
  readonly #control: ControlNode;
  readonly #state: ControlState;
  readonly #servers: ToolServers;
  readonly #checkpoints: CheckpointWatch;
  readonly #chaos: Chaos;
  /** Begins what this run is made for, beside chance. */
  #planned: () => void = () => undefined;
  readonly #agents: AgentActor[] = [];
  readonly #cast: Cast;
  readonly #people: People;
  readonly #adapting: Adapting;
  readonly #together: Together;
  readonly #atDesk: AtDesk;
  readonly #payloadKey: Uint8Array;
  /** Faults come and people and agents act until then. */
  readonly #untilMs: number;
  /** A violation that was found outside of a step. */
  #found: Violation | undefined;

  constructor(seed: number, policies: Policies, mutation: Mutation, time: VirtualTime, trace: Trace) {
    const random = new Random(seed);
    const epochMs = Date.UTC(2026, 10, 20, 12);
    const nowMs = () => Math.floor(epochMs + time.nowMs);
    this.#time = time;
    this.#random = random;
    this.checks = new Checks(time, trace, (violation) => (this.#found ??= violation));
    this.#payloadKey = random.bytes(32);
    this.#checkpoints = new CheckpointWatch(this.checks, () => this.#control.signer);
    const forgets = mutation.tilesForget ?? 0;
    this.#tiles = new VirtualTiles(random.fork(), forgets, (note) => this.#checkpoints.published(note));
    const [gatewayCount, replicaCount] = shapes[seed % shapes.length] ?? [2, 2];
    const restores = replicaCount > 1 && seed % 5 === 1;
    const long = replicaCount > 1 && seed % 3 === 0;
    this.#untilMs = startMs + (restores ? restoredTurbulentMs : long ? longTurbulentMs : turbulentMs);
    const untilMs = this.#untilMs;
    const ids = Array.from({ length: gatewayCount }, () => random.uuid());
    this.#control = new ControlNode({
      ...{ time, trace, gateways: ids, random: random.fork(), tiles: this.#tiles, clock: { nowMs } },
      replicas: replicaCount,
      fences: mutation.fences !== false,
      leadsOnce: mutation.leadsOnce === true,
      onLead: () => this.checks.counts.leads++,
      onUnopened: (fault: RefusalError) =>
        this.checks.note('the log can be opened', fault.refusal.detail ?? fault.refusal.code),
    });
    this.#control.database.watch(logFileTable, (path, row) => {
      if (path !== 'checkpoint') return;
      this.#checkpoints.published(Buffer.from((row as { bytes: Uint8Array }).bytes).toString('utf8'));
    });
    this.#state = new ControlState({
      ...{ control: this.#control, checks: this.checks, trace, policies, nowMs, random: random.fork() },
      pause: (ms) => new Promise((done) => void time.after(ms, done)),
      after: (ms, run) => void time.after(ms, run),
      payloadKey: { kid: 'pk1', key: this.#payloadKey },
      onWaiting: (doc) => this.#people.asked(doc),
      faults: {
        releaseAlways: mutation.releaseAlways === true,
        otherBytes: mutation.otherBytes === true,
        ownBudgets: mutation.ownBudgets === true,
        restoresRunning: mutation.restoresRunning === true,
        restoresOpen: mutation.restoresOpen === true,
      },
    });
    this.#servers = new ToolServers(time, random.fork(), this.checks);
    const parts = {
      ...{ time, trace, epochMs, checks: this.checks, control: this.#control, state: this.#state },
      ...{ servers: this.#servers, faults: mutation },
    };
    const host = (i: number): string => `g${i}.test`;
    for (const [i, id] of ids.entries())
      this.gateways.push(new GatewayNode({ ...parts, id, host: host(i), random: random.fork() }));
    this.#dialled();
    this.#cast = {
      ...{ time, random: random.fork(), checks: this.checks, state: this.#state, gateways: this.gateways },
      servers: this.#servers,
      agents: this.#agents,
      nowMs,
      untilMs,
    };
    this.#people = new People(this.#cast, this.#agents);
    const beside = new Random(seed ^ besideSeed);
    this.#adapting = new Adapting(this.#cast, beside.fork());
    this.#together = new Together(this.#cast, beside.fork(), this.#adapting);
    this.#atDesk = new AtDesk(this.#cast, beside.fork());
    this.#chaos = new Chaos({
      ...{
        time,
        trace,
        random: random.fork(),
        gateways: this.gateways,
        control: this.#control,
        tiles: this.#tiles,
        servers: this.#servers,
      },
      untilMs,
      onCrash: () => this.#agents.forEach((agent) => agent.forget()),
    });
    const own = new Random(~seed);
    if (long && !restores) this.#planned = () => this.#pauseLeader(own.between(...leaderPauseMs));
    if (!restores) return;
    const restore = new Restore({
      ...{ time, trace, control: this.#control, state: this.#state, checks: this.checks, nowMs },
      random: own,
      checkpoints: this.#checkpoints,
      keepsOrigin: mutation.keepsOrigin === true,
      gatewaysLost: () => {
        const fresh = this.gateways.map(() => {
          const id = own.uuid();
          ids.push(id);
          return new GatewayNode({ ...parts, id, host: host(ids.length), random: own.fork() });
        });
        const lost = this.gateways.splice(0, this.gateways.length, ...fresh);
        for (const gateway of lost) {
          gateway.crash('killed');
          gateway.retired = true;
        }
        this.retired.push(...lost);
        this.#dialled();
        for (const agent of this.#agents) agent.forget();
      },
      served: () => {
        for (const agent of this.#agents) agent.renew(false);
        for (const gateway of this.gateways) void gateway.start();
      },
      resumed: () => this.#people.askAgain(),
    });
    this.#planned = () => restore.start();
  }

  #pauseLeader(ms: number): void {
    if (!this.#chaos.pauseLeader(ms)) this.#time.after(leaderAgainMs, () => this.#pauseLeader(ms));
  }

  #dialled(): void {
    useLinks(
      new Map(
        this.gateways.flatMap((gateway) =>
          gateway.urls().map((url, i) => [new URL(url).hostname, gateway.links[i] as Link] as const),
        ),
      ),
    );
  }

  async play(): Promise<FinalCounts> {
    this.#control.start();
    void this.#state.setUp().then(async () => {
      for (const id of this.#state.agentIds) {
        const agent = new AgentActor(id, this.#cast);
        this.#agents.push(agent);
        await agent.enrol();
      }
      await Promise.all(this.gateways.map((gateway) => gateway.start()));
      this.#time.after(startMs - this.#time.nowMs, () => {
        for (const agent of this.#agents) agent.start();
        this.#people.start();
        this.#adapting.start();
        this.#chaos.start();
        this.#planned();
      });
    });
    await this.#pass(this.#untilMs);
    this.#chaos.heal();
    await this.#pass(this.#time.nowMs + restMs / 2);
    void this.#people.resumeAll().then(() => this.#together.play());
    await this.#pass(this.#time.nowMs + togetherMs);
    void this.#adapting.liftAll().then(() => this.#together.reclassify(this.#people));
    await this.#pass(this.#time.nowMs + restMs / 2);
    void this.#atDesk.play();
    await this.#pass(this.#time.nowMs + atDeskMs);
    const { checks, gateways, retired } = this;
    const atRest = new AtRest({
      ...{ time: this.#time, random: this.#random, control: this.#control, checkpoints: this.#checkpoints },
      ...{ checks, gateways, agents: this.#agents, people: this.#people },
      pass: (untilMs) => this.#pass(untilMs),
    });
    await atRest.serves();
    await atRest.whole();
    return await new FinalChecks({
      ...{
        checks,
        tiles: this.#control.shared ? { files: logFiles(this.#control.database.committed) } : this.#tiles,
        checkpoints: this.#checkpoints,
        rows: this.#control.database.committed,
        state: this.#state,
      },
      gateways: [...retired, ...gateways].map(({ id }) => id),
      retired: new Set(retired.map(({ id }) => id)),
      signer: this.#control.signer,
      restores: checks.counts.restores,
      payloadKey: this.#payloadKey,
    }).run();
  }

  async #pass(untilMs: number): Promise<void> {
    await this.#time.run(untilMs, () => {
      if (this.#found !== undefined) throw this.#found;
      this.checks.step();
    });
  }

  /** Every process ends, so that nothing of this run wakes in the next one. */
  async end(): Promise<void> {
    for (const gateway of this.gateways) gateway.crash('killed');
    this.#control.crash();
    await settled();
  }
}
