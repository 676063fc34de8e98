/** What goes wrong: the network, disks, processes, clocks and tool servers, at random moments, until everything is healed at the end. */
import type { ControlNode, Replica } from './control-node.ts';
import type { GatewayNode } from './gateway-node.ts';
import { directionsOf, type Link } from './network.ts';
import type { Random } from './random.ts';
import type { VirtualTiles } from './tiles.ts';
import type { ToolServers } from './tool-servers.ts';
import type { Trace } from './trace.ts';
import type { Process, VirtualTime } from './virtual-time.ts';

const paceMs: readonly [number, number] = [40, 330];
const skewMsMax = 600_000;

export interface ChaosInput {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly trace: Trace;
  readonly gateways: readonly GatewayNode[];
  readonly control: ControlNode;
  readonly tiles: VirtualTiles;
  readonly servers: ToolServers;
  readonly untilMs: number;
  /** A gateway died: what was asked of it is never answered. */
  readonly onCrash: () => void;
}

type Fault = readonly [weight: number, act: (chaos: Chaos) => void];

export class Chaos {
  readonly input: ChaosInput;
  readonly random: Random;

  constructor(input: ChaosInput) {
    this.input = input;
    this.random = input.random.fork();
  }

  start(): void {
    const { time, untilMs } = this.input;
    const total = faults.reduce((sum, [weight]) => sum + weight, 0);
    const next = (): void => {
      if (time.nowMs > untilMs) return;
      time.after(this.random.between(...paceMs), () => {
        if (time.nowMs > untilMs) return;
        let dice = this.random.between(0, total);
        const chosen = faults.find(([weight]) => (dice -= weight) <= 0) ?? faults[0];
        chosen?.[1](this);
        next();
      });
    };
    next();
  }

  for(ms: number, what: string, begin: () => void, end: () => void): void {
    this.input.trace.add(`${what} for ${ms.toFixed(0)} ms`);
    begin();
    this.input.time.after(ms, end);
  }

  restart(gateway: GatewayNode, how: Parameters<GatewayNode['crash']>[0]): void {
    if (!gateway.up) return;
    gateway.crash(how);
    this.input.onCrash();
    this.input.time.after(this.random.between(20, 900), () => {
      if (!gateway.up) void gateway.start();
    });
  }

  /** A process stops without ending, and goes on later: a paused machine. */
  freeze(process: Process | undefined, what: string, ms: number): void {
    if (process === undefined || process.frozen) return;
    this.for(
      ms,
      `${what} is paused`,
      () => (process.frozen = true),
      () => {
        this.input.trace.add(`${what} goes on`);
        process.thaw();
      },
    );
  }

  /** Who leads is paused as soon as it is about to write a checkpoint: longer than its lease, it goes on when another one leads. False: nobody leads. */
  pauseLeader(ms: number): boolean {
    const leader = this.input.control.replicas.find(({ leads }) => leads);
    if (leader !== undefined)
      leader.pausesAtPut = (process) =>
        this.freeze(process, `control ${leader.id}, about to write a checkpoint,`, ms);
    return leader !== undefined;
  }

  /** Everything works again. */
  heal(): void {
    const { gateways, control, tiles, servers, trace } = this.input;
    trace.add('everything is healed');
    for (const gateway of gateways) {
      for (const link of gateway.links) link.heal();
      gateway.process?.thaw();
      gateway.disk.heal();
      gateway.skewMs = 0;
      if (!gateway.up) void gateway.start();
    }
    control.databaseDown = false;
    control.signals.lost = 0;
    control.database.slow = false;
    control.database.faults = { fails: 0, unheard: 0 };
    tiles.fails = 0;
    servers.calm();
    for (const replica of control.replicas) {
      replica.skewMs = 0;
      replica.pausesAtPut = undefined;
      replica.running?.process.thaw();
    }
    control.start();
  }
}

/** Any, but rather the one that leads. */
function replicaOf({ random, input: { control } }: Chaos): Replica {
  const leader = control.replicas.find(({ leads }) => leads);
  return leader !== undefined && random.chance(0.5) ? leader : random.pick(control.replicas);
}

/** One link of a gateway, or all that it has. */
const linksOf = (chaos: Chaos, gateway: GatewayNode): readonly Link[] =>
  chaos.random.chance(0.4) ? [chaos.random.pick(gateway.links)] : gateway.links;

const gatewayOf = ({ random, input }: Chaos): GatewayNode => random.pick(input.gateways);

const faults: readonly Fault[] = [
  [
    14,
    (chaos) => {
      const gateway = gatewayOf(chaos);
      const [links, { id }] = [linksOf(chaos, gateway), gateway];
      const directions = chaos.random.pick(directionsOf);
      const ms = chaos.random.chance(0.5) ? chaos.random.between(50, 500) : chaos.random.between(500, 2_600);
      chaos.for(
        ms,
        `partition (${directions}) of gateway ${id.slice(0, 8)}`,
        () => links.forEach((link) => link.hold(directions)),
        () => links.forEach((link) => link.heal()),
      );
    },
  ],
  [
    8,
    (chaos) => {
      const gateway = gatewayOf(chaos);
      chaos.input.trace.add(`connections of gateway ${gateway.id.slice(0, 8)} are reset`);
      for (const link of linksOf(chaos, gateway)) link.cut();
    },
  ],
  [
    5,
    (chaos) => {
      const gateway = gatewayOf(chaos);
      const [links, { id }] = [linksOf(chaos, gateway), gateway];
      for (const link of links) link.cut();
      chaos.for(
        chaos.random.between(50, 2_000),
        `gateway ${id.slice(0, 8)} cannot reach control`,
        () => links.forEach((link) => (link.refuses = true)),
        () => links.forEach((link) => (link.refuses = false)),
      );
    },
  ],
  [
    6,
    (chaos) => {
      const gateway = gatewayOf(chaos);
      const [links, { id }] = [linksOf(chaos, gateway), gateway];
      const slowMs = chaos.random.between(20, 700);
      chaos.for(
        chaos.random.between(200, 1_500),
        `link of gateway ${id.slice(0, 8)} is ${slowMs.toFixed(0)} ms slower`,
        () => {
          const way = chaos.random.pick(['up', 'down'] as const);
          for (const link of links) link[way].slowMs = slowMs;
        },
        () => links.forEach((link) => link.heal()),
      );
    },
  ],
  [5, (chaos) => chaos.restart(gatewayOf(chaos), chaos.random.chance(0.5) ? 'killed' : 'power loss')],
  [0.7, (chaos) => chaos.restart(gatewayOf(chaos), 'disk lost')],
  [
    4,
    (chaos) => {
      const { disk, id } = gatewayOf(chaos);
      chaos.for(
        chaos.random.between(50, 500),
        `disk of gateway ${id.slice(0, 8)} is full`,
        () => (disk.full = true),
        () => (disk.full = false),
      );
    },
  ],
  [3, (chaos) => gatewayOf(chaos).disk.failSoon(chaos.random.int(0, 6), chaos.random.chance(0.5))],
  [
    6,
    (chaos) => {
      const { disk, id } = gatewayOf(chaos);
      chaos.for(
        chaos.random.between(100, 1_500),
        `disk of gateway ${id.slice(0, 8)} is slow`,
        () => (disk.slow = true),
        () => (disk.slow = false),
      );
    },
  ],
  [
    5,
    (chaos) => {
      const gateway = gatewayOf(chaos);
      gateway.skewMs = chaos.random.chance(0.4)
        ? 0
        : chaos.random.chance(0.6)
          ? chaos.random.between(-2_000, 2_000)
          : chaos.random.between(-skewMsMax, skewMsMax);
      chaos.input.trace.add(
        `wall clock of gateway ${gateway.id.slice(0, 8)} jumps to ${gateway.skewMs.toFixed(0)} ms`,
      );
    },
  ],
  [
    6,
    (chaos) => {
      const gateway = gatewayOf(chaos);
      const links = linksOf(chaos, gateway);
      const directions = chaos.random.pick(directionsOf);
      chaos.for(
        chaos.random.between(50, 2_500),
        `connections of gateway ${gateway.id.slice(0, 8)} are half open (${directions})`,
        () => links.forEach((link) => link.swallow(directions)),
        () => links.forEach((link) => link.heal()),
      );
    },
  ],
  [
    3,
    (chaos) => {
      const gateway = gatewayOf(chaos);
      chaos.freeze(gateway.process, `gateway ${gateway.id.slice(0, 8)}`, chaos.random.between(50, 2_500));
    },
  ],
  [
    5,
    (chaos) => {
      const replica = replicaOf(chaos);
      const ms = chaos.random.chance(0.5)
        ? chaos.random.between(50, 900)
        : chaos.random.between(3_100, 5_500);
      chaos.freeze(replica.running?.process, `control ${replica.id}`, ms);
    },
  ],
  [
    4,
    (chaos) => {
      chaos.pauseLeader(chaos.random.between(3_100, 4_500));
    },
  ],
  [
    2,
    (chaos) => {
      const replica = chaos.random.chance(0.3) ? replicaOf(chaos) : undefined;
      const gateway = gatewayOf(chaos);
      for (let i = chaos.random.int(3, 6), ms = 0; i > 0; i--, ms += chaos.random.between(5, 150))
        chaos.input.time.after(ms, () => {
          if (replica !== undefined) {
            replica.crash();
            return replica.start();
          }
          gateway.crash('killed');
          chaos.input.onCrash();
          void gateway.start();
        });
    },
  ],
  [
    3,
    (chaos) => {
      const { time, control } = chaos.input;
      const replicas = chaos.random.chance(0.3) ? control.replicas : [replicaOf(chaos)];
      for (const replica of replicas) {
        if (replica.running === undefined) continue;
        replica.crash();
        time.after(chaos.random.between(20, 900), () => {
          if (replica.running === undefined) replica.start();
        });
      }
    },
  ],
  [
    3,
    (chaos) => {
      const { control } = chaos.input;
      chaos.for(
        chaos.random.between(50, 1_500),
        'the database is away',
        () => (control.databaseDown = true),
        () => (control.databaseDown = false),
      );
    },
  ],
  [
    3,
    (chaos) => {
      const { signals } = chaos.input.control;
      chaos.for(
        chaos.random.between(100, 1_500),
        'signals between replicas are lost',
        () => (signals.lost = 0.7),
        () => (signals.lost = 0),
      );
    },
  ],
  [
    3,
    (chaos) => {
      const replica = replicaOf(chaos);
      replica.skewMs = chaos.random.chance(0.3) ? 0 : chaos.random.between(-skewMsMax, skewMsMax);
      chaos.input.trace.add(`wall clock of control ${replica.id} jumps to ${replica.skewMs.toFixed(0)} ms`);
    },
  ],
  [3, (chaos) => replicaOf(chaos).takeOver()],
  [
    4,
    (chaos) => {
      const { database } = chaos.input.control;
      chaos.for(
        chaos.random.between(100, 900),
        'commits fail or go unheard',
        () => (database.faults = { fails: 0.15, unheard: 0.15 }),
        () => (database.faults = { fails: 0, unheard: 0 }),
      );
    },
  ],
  [
    4,
    (chaos) => {
      const { database } = chaos.input.control;
      chaos.for(
        chaos.random.between(100, 900),
        'the database is slow',
        () => (database.slow = true),
        () => (database.slow = false),
      );
    },
  ],
  [
    3,
    (chaos) => {
      const { tiles } = chaos.input;
      chaos.for(
        chaos.random.between(100, 900),
        'the tile store fails',
        () => (tiles.fails = 0.2),
        () => (tiles.fails = 0),
      );
    },
  ],
  [
    12,
    (chaos) => {
      const { servers } = chaos.input;
      const server = chaos.random.pick(['office', 'wiki']);
      const mood = {
        slow: chaos.random.chance(0.4),
        deaf: chaos.random.chance(0.5),
        hangs: chaos.random.chance(0.4) ? 0.3 : 0,
        crashes: chaos.random.chance(0.4) ? 0.2 : 0,
        garbage: chaos.random.chance(0.4) ? 0.3 : 0,
        unreachable: chaos.random.chance(0.2) ? 0.3 : 0,
      };
      chaos.for(
        chaos.random.between(200, 2_000),
        `tool server ${server} is ${JSON.stringify(mood)}`,
        () => (servers.moods[server] = mood),
        () => servers.calm(),
      );
    },
  ],
];
