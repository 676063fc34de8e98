import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Analysis, analyze } from './analysis.ts';
import {
  aGroup,
  aRight,
  aTool,
  mail,
  pay,
  payroll,
  ran,
  readTicket,
  secret,
  shell,
  web,
  writeTicket,
} from './composition.fixture.ts';
import { type Finding, saysOf, type Step, suggestionOf } from './finding.ts';
import {
  type AgentGroup,
  type Freedom,
  gives,
  givesPrivate,
  givesUntrusted,
  isAtLeast,
  isDangerous,
  isOutward,
  keeps,
  type Right,
  type Starts,
  storesOf,
} from './rights.ts';

const found = (groups: readonly AgentGroup[], through: Freedom = 'task'): Analysis =>
  ran(analyze(groups, through));
const short = ({ findings }: Analysis) =>
  findings.map(({ kind, severity, agents, between, cut }) =>
    [kind, severity, agents.join('+'), between.join('+'), cut.map(({ right }) => right.tool.ref).join('+')]
      .filter((word) => word !== '')
      .join(' '),
  );

const stepOf = (step: Step): string =>
  step.kind === 'right'
    ? `${step.part} ${step.right.tool.ref}`
    : step.kind === 'store'
      ? step.server
      : `${step.from.join('+')} ${step.way} ${step.to.join('+')}`;

describe('combinations of one agent', () => {
  it.each<[string, Right[], string[]]>([
    ['nothing that gets out', [aRight(secret), aRight(web), aRight(writeTicket)], []],
    ['a way out and nothing private', [aRight(readTicket), aRight(mail)], []],
    ['private data and a way out', [aRight(secret), aRight(mail)], ['leak medium a mail/send']],
    ['the most private', [aRight(payroll), aRight(mail)], ['leak high a mail/send']],
    ['a text from outside and payments', [aRight(web), aRight(pay)], ['hijack high a bank/pay']],
    [
      'all three',
      [aRight(secret), aRight(web), aRight(mail)],
      ['trifecta high a mail/send', 'leak medium a mail/send', 'hijack medium a mail/send'],
    ],
    [
      'all three, with policy looking at where the address comes from',
      [aRight(secret), aRight(web), aRight(mail, 'alone', 'person')],
      [
        'trifecta medium a provenance mail/send',
        'leak medium a mail/send',
        'hijack low a provenance mail/send',
      ],
    ],
    ['a way out that takes a task', [aRight(secret), aRight(mail, 'task')], ['leak low a task mail/send']],
    ['a way out that a person approves', [aRight(secret), aRight(mail, 'person')], []],
    [
      'two ways out and one source',
      [aRight(payroll), aRight(mail), aRight(shell)],
      ['leak high a hr/get_payroll'],
    ],
    [
      'one tool that is both',
      [aRight(aTool('host/run', { class: 'execute', sensitivity: 'restricted', outputTrust: 'untrusted' }))],
      ['trifecta high a host/run', 'leak high a host/run', 'hijack high a host/run'],
    ],
    [
      'a tool that nobody has classified',
      [aRight(web), aRight(aTool('x/y', { class: 'admin', classified: false }))],
      ['hijack high a x/y'],
    ],
  ])('%s', (_, rights, wanted) => {
    expect(short(found([aGroup('a', ...rights)]))).toEqual(wanted);
  });

  it('counts approvals as a break unless asked otherwise, and tasks if asked', () => {
    const groups = [aGroup('a', aRight(payroll), aRight(mail, 'person'), aRight(shell, 'task'))];
    expect(short(found(groups, 'alone'))).toEqual([]);
    expect(short(found(groups))).toEqual(['leak medium a task host/run']);
    // The worst path is shown: the one that takes a task.
    expect(short(found(groups, 'person'))).toEqual(['leak medium a task hr/get_payroll']);
  });

  it('is one finding for agents that hold the same, named by what they hold', () => {
    const rights = [aRight(secret), aRight(mail)];
    const [one] = found([aGroup('a', ...rights)]).findings;
    const both = found([aGroup('b c', ...rights), aGroup('a', ...rights, aRight(readTicket))]).findings;
    expect(both).toHaveLength(1);
    expect(both[0]).toMatchObject({ id: one?.id, agents: ['a', 'b', 'c'], involved: ['a', 'b', 'c'] });
    expect(found([aGroup('a', ...rights, aRight(payroll))]).findings[0]?.id).not.toBe(one?.id);
    expect(found([aGroup('a', aRight(secret), aRight(mail, 'task'))]).findings[0]?.id).not.toBe(one?.id);
  });

  it('names tables of a database, and of cuts as small the one of a table', () => {
    const table = (name: string, sensitivity: 'internal' | 'restricted') =>
      aRight(
        aTool(`warehouse/query (read ${name})`, {
          sensitivity,
          table: { tool: 'warehouse/query', name, operation: 'read' },
        }),
      );
    const [orders, pay] = [table('public.orders', 'internal'), table('public.payroll', 'restricted')];
    expect(short(found([aGroup('a', orders, aRight(mail))]))).toEqual([]);
    const [leak] = found([aGroup('a', orders, pay, aRight(mail))]).findings;
    expect(leak?.cut.map(({ right }) => right.tool.ref)).toEqual(['warehouse/query (read public.payroll)']);
    expect(leak === undefined ? '' : suggestionOf(leak)).toContain(
      'Take away warehouse/query (read public.payroll) of a (databases in the manifest)',
    );
    // Two tables are more to take away than one way out.
    const [more] = found([aGroup('a', table('public.bonus', 'restricted'), pay, aRight(mail))]).findings;
    expect(more?.cut.map(({ right }) => right.tool.ref)).toEqual(['mail/send']);
  });

  it('says it in plain words', () => {
    const [finding] = found([aGroup('helper', aRight(secret), aRight(web), aRight(mail))]).findings;
    expect(finding === undefined ? '' : saysOf(finding)).toBe(
      'helper: a text that anybody may have written comes in with web/fetch and can have private data from crm/get_customer (confidential, domain customers) sent out with mail/send.',
    );
    expect(finding === undefined ? '' : suggestionOf(finding)).toContain('Take away mail/send of helper');
  });
});

describe('combinations across agents', () => {
  const writer = aGroup('writer', aRight(payroll), aRight(writeTicket));
  const mailer = aGroup('mailer', aRight(readTicket), aRight(mail));

  it('finds what one keeps where the other reads it', () => {
    const { findings } = found([mailer, writer]);
    expect(short({ findings, more: 0 })).toEqual(['leak_across high mailer mail/send']);
    const [leak] = findings;
    expect(leak?.involved).toEqual(['mailer', 'writer']);
    expect(leak?.path.map(stepOf)).toEqual([
      'source hr/get_payroll',
      'keep tickets/create',
      'tickets (support)',
      'read tickets/get',
      'sink mail/send',
    ]);
    expect(leak === undefined ? '' : saysOf(leak)).toBe(
      'mailer: private data from hr/get_payroll (restricted, domain hr), which it may not read itself, can reach it through what writer can put into tickets (support), and it can send data out with mail/send.',
    );
  });

  it('goes over several agents, and a break anywhere ends it', () => {
    const relay = aGroup(
      'relay',
      aRight(readTicket),
      aRight(aTool('files/put', { class: 'write', domain: 'files' })),
    );
    const far = aGroup('far', aRight(aTool('files/get', { domain: 'files' })), aRight(mail));
    expect(short(found([far, relay, writer]))).toEqual(['leak_across high far mail/send']);
    const held = aGroup('writer', aRight(payroll), aRight(writeTicket, 'person'));
    expect(short(found([far, relay, held]))).toEqual([]);
    expect(short(found([far, relay, held], 'person'))).toEqual(['leak_across low far person mail/send']);
  });

  it('keeps domains of one server apart, but not from what runs anything there', () => {
    const elsewhere = aGroup('mailer', aRight({ ...readTicket, domain: 'sales' }), aRight(mail));
    expect(short(found([elsewhere, writer]))).toEqual([]);
    const anything = aTool('tickets/query', { class: 'execute', domain: 'sales' });
    expect(short(found([aGroup('mailer', aRight(anything)), writer]))).toEqual([
      'leak_across high mailer tickets/query',
    ]);
  });

  it('cuts where the fewest rights go: one reader instead of many writers', () => {
    const writers = aGroup('w1 w2 w3', aRight(payroll), aRight(writeTicket));
    const twoWays = aGroup('mailer', aRight(readTicket), aRight(mail), aRight(shell));
    expect(short(found([twoWays, writers]))).toEqual(['leak_across high mailer tickets/get']);
  });

  it('tells of a text that reaches who can do harm', () => {
    const reader = aGroup('reader', aRight(web), aRight(writeTicket));
    const payer = aGroup('payer', aRight(readTicket), aRight(pay));
    expect(short(found([payer, reader]))).toEqual(['hijack_across high payer bank/pay']);
  });
});

describe('combinations across delegation', () => {
  const reader = aGroup('reader', aRight(payroll), aRight(web));
  const mailer = aGroup('mailer', aRight(mail), aRight(pay, 'alone', 'person'));
  const started = (by: AgentGroup, starts: Starts): AgentGroup => ({ ...by, starts });
  const cutOf = ({ findings }: Analysis) =>
    findings.map(({ kind, cut, cutStarts }) => [
      kind,
      ...cut.map(({ right }) => right.tool.ref),
      ...cutStarts.map(({ agents, starts }) => `${agents.join('+')} starts ${[starts].flat().join('+')}`),
    ]);

  it('finds what one may tell the other as work, in that direction', () => {
    const analysis = found([started(reader, ['mailer']), mailer]);
    expect(analysis.findings.map(({ path }) => path.map(stepOf))).toEqual([
      ['source hr/get_payroll', 'reader words mailer', 'sink mail/send'],
      ['source web/fetch', 'reader words mailer', 'sink bank/pay'],
    ]);
    const [leak, hijack] = analysis.findings;
    expect([leak?.involved, leak?.severity]).toEqual([['mailer', 'reader'], 'high']);
    // Words of another agent are not looked at in a session of its own, so nothing asks where an amount comes from.
    expect([hijack?.severity, hijack?.between]).toEqual(['high', []]);
    expect(leak === undefined ? '' : saysOf(leak)).toContain('through the work that reader can give mailer,');
    expect(short(found([reader, mailer]))).toEqual([]);
    expect(short(found([started(reader, ['somebody']), mailer]))).toEqual([]);
  });

  it('finds what the other may answer', () => {
    const [leak] = found([reader, started(mailer, ['reader'])]).findings;
    expect(leak?.path.map(stepOf)).toEqual([
      'source hr/get_payroll',
      'reader answer mailer',
      'sink mail/send',
    ]);
    expect(leak === undefined ? '' : saysOf(leak)).toContain('through what reader can answer mailer,');
  });

  it('goes on through who relays it, and over stores', () => {
    const relay = started(aGroup('relay', aRight(writeTicket)), ['reader']);
    const far = aGroup('far', aRight(readTicket), aRight(mail));
    expect(found([relay, reader, far]).findings[0]?.path.map(stepOf)).toEqual([
      'source hr/get_payroll',
      'reader answer relay',
      'keep tickets/create',
      'tickets (support)',
      'read tickets/get',
      'sink mail/send',
    ]);
  });

  it('cuts who starts whom where that is less than any right', () => {
    const many = aGroup('m1 m2', aRight(mail), aRight(shell));
    const two = aGroup(
      'r1 r2',
      aRight(payroll),
      aRight(aTool('hr/get_files', { sensitivity: 'restricted' })),
    );
    const hub = started(aGroup('hub', aRight(writeTicket)), 'any');
    const analysis = found([hub, many, two]);
    expect(cutOf(analysis)).toEqual([['leak_across', 'hub starts any']]);
    const [leak] = analysis.findings;
    expect(leak === undefined ? '' : suggestionOf(leak)).toBe(
      'Do not let hub start any agent any more (mayStart in the manifest).',
    );
    expect(cutOf(found([started(hub, ['m1', 'm2', 'r1', 'r2']), many, two]))).toEqual([
      ['leak_across', 'hub starts m1+m2'],
    ]);
  });
});

// Everything that a small fleet can be, against what is written down here without graphs.

const tools = [secret, payroll, web, mail, shell, writeTicket, readTicket, pay];
const startings = fc.constantFrom<Starts>([], [], [], 'any', ['agent0'], ['agent1', 'agent2'], ['agent2']);
const fleets = fc
  .array(
    fc.tuple(
      fc.array(fc.tuple(fc.constantFrom(...tools), fc.constantFrom<Freedom>('person', 'task', 'alone')), {
        maxLength: 4,
      }),
      startings,
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((agents) =>
    agents.map(
      ([held, starts], at): AgentGroup => ({
        ...aGroup(
          `agent${at}`,
          ...new Map(held.map(([tool, freedom]) => [tool.ref, aRight(tool, freedom)])).values(),
        ),
        starts,
      }),
    ),
  );

/** That one agent may start another, as a right that can be taken away: of one that may start anybody, once. */
const startsOf = (fleet: readonly AgentGroup[]): (readonly [string, string])[] =>
  fleet.flatMap(({ agents: [name = ''], starts = [] }): (readonly [string, string])[] =>
    starts === 'any'
      ? [[name, 'any'] as const]
      : starts
          .filter((other) => other !== name && fleet.some(({ agents }) => agents.includes(other)))
          .map((other) => [name, `starts ${other}`] as const),
  );
const mayStart = (group: AgentGroup, { agents: [other = ''] }: AgentGroup): boolean =>
  group.starts === 'any' || group.starts?.includes(other) === true;

const domainsOf = (fleet: readonly AgentGroup[], through: Freedom) => (server: string) => [
  ...new Set(
    fleet.flatMap(({ rights }) =>
      rights.flatMap(({ tool, freedom }) =>
        tool.server === server && isAtLeast(freedom, through) ? [tool.domain] : [],
      ),
    ),
  ),
];

/** Which sources an agent can get at, its own and through stores, step by step. */
function reach(fleet: readonly AgentGroup[], through: Freedom, is: typeof gives): Map<string, Set<string>> {
  const usable = (group: AgentGroup) => group.rights.filter(({ freedom }) => isAtLeast(freedom, through));
  const domains = domainsOf(fleet, through);
  const has = new Map(
    fleet.map((group) => [
      group.agents[0] ?? '',
      new Set(usable(group).flatMap(({ tool }) => (is(tool) ? [tool.ref] : []))),
    ]),
  );
  const stores = new Map<string, Set<string>>();
  for (let round = 0; round < 20; round++)
    for (const group of fleet) {
      for (const other of fleet)
        if (mayStart(group, other) || mayStart(other, group))
          for (const ref of has.get(other.agents[0] ?? '') ?? []) has.get(group.agents[0] ?? '')?.add(ref);
      const own = has.get(group.agents[0] ?? '') ?? new Set();
      for (const { tool } of usable(group))
        for (const store of storesOf(tool, domains(tool.server))) {
          const kept = stores.get(store) ?? new Set();
          stores.set(store, kept);
          if (gives(tool)) for (const ref of kept) own.add(ref);
          if (keeps(tool)) for (const ref of own) kept.add(ref);
          // What a tool reads itself it may keep itself.
          if (keeps(tool) && is(tool)) kept.add(tool.ref);
        }
    }
  return has;
}

/** Whether the harm of a finding is possible in a fleet. */
function isPossible(
  fleet: readonly AgentGroup[],
  through: Freedom,
  { kind, agents, sources }: Finding,
): boolean {
  const led = kind === 'hijack' || kind === 'hijack_across';
  const reached = reach(fleet, through, led ? givesUntrusted : givesPrivate);
  const text = reach(fleet, through, givesUntrusted);
  const across = kind === 'leak_across' || kind === 'hijack_across';
  return fleet.some((group) => {
    const name = group.agents[0] ?? '';
    if (!agents.includes(name)) return false;
    const usable = group.rights.filter(({ freedom }) => isAtLeast(freedom, through));
    const own = (is: typeof gives) => usable.some(({ tool }) => is(tool));
    if (!own(led ? isDangerous : isOutward)) return false;
    if (kind === 'trifecta')
      return own(givesUntrusted) && own(givesPrivate) && (text.get(name)?.size ?? 0) > 0;
    if (!across) return own(led ? givesUntrusted : givesPrivate);
    const held = new Set(usable.map(({ tool }) => tool.ref));
    return sources.some(
      ({ right }) => (reached.get(name)?.has(right.tool.ref) ?? false) && !held.has(right.tool.ref),
    );
  });
}

const without = (fleet: readonly AgentGroup[], gone: readonly (readonly [string, string])[]): AgentGroup[] =>
  fleet.map((group) => ({
    ...group,
    rights: group.rights.filter(
      ({ tool }) => !gone.some(([agent, ref]) => group.agents.includes(agent) && ref === tool.ref),
    ),
    starts: startsLeft(
      group.starts ?? [],
      gone.filter(([agent]) => group.agents.includes(agent)).map(([, what]) => what),
    ),
  }));
function startsLeft(starts: Starts, gone: readonly string[]): Starts {
  if (starts === 'any') return gone.includes('any') ? [] : starts;
  return starts.filter((other) => !gone.includes(`starts ${other}`));
}

/** By trying every set of rights. */
function fewest(fleet: readonly AgentGroup[], through: Freedom, finding: Finding): number {
  const all = [
    ...startsOf(fleet),
    ...fleet.flatMap(({ agents, rights }) =>
      rights.flatMap(({ tool, freedom }) =>
        isAtLeast(freedom, through) ? [[agents[0] ?? '', tool.ref] as const] : [],
      ),
    ),
  ];
  let best = all.length;
  for (let chosen = 0; chosen < 1 << all.length; chosen++) {
    const gone = all.filter((_, at) => ((chosen >> at) & 1) === 1);
    if (gone.length < best && !isPossible(without(fleet, gone), through, finding)) best = gone.length;
  }
  return best;
}

describe('any small fleet', () => {
  it('has the findings that trying everything has, each with a cut that is as small as any', () => {
    fc.assert(
      fc.property(fleets, fc.constantFrom<Freedom>('person', 'task', 'alone'), (fleet, through) => {
        const { findings } = found(fleet, through);
        // Findings of agents that hold the same are cut for each of them.
        for (const finding of findings) {
          const alone = fleet.filter(({ agents }) => finding.agents.includes(agents[0] ?? ''));
          if (alone.length !== 1) continue;
          const gone = [
            ...finding.cut.map(({ agents, right }) => [agents[0] ?? '', right.tool.ref] as const),
            ...finding.cutStarts.map(
              ({ agents, starts }) =>
                [agents[0] ?? '', starts === 'any' ? starts : `starts ${starts[0]}`] as const,
            ),
          ];
          expect(isPossible(fleet, through, finding)).toBe(true);
          expect(isPossible(without(fleet, gone), through, finding)).toBe(false);
          expect(gone.length).toBe(fewest(fleet, through, finding));
        }
        for (const { agents, rights } of fleet) {
          const usable = rights.filter(({ freedom }) => isAtLeast(freedom, through));
          const has = (is: typeof gives) => usable.some(({ tool }) => is(tool));
          const wanted = [
            ...(has(givesPrivate) && has(givesUntrusted) && has(isOutward) ? ['trifecta'] : []),
            ...(has(givesPrivate) && has(isOutward) ? ['leak'] : []),
            ...(has(givesUntrusted) && has(isDangerous) ? ['hijack'] : []),
            ...(has(isOutward) &&
            [...(reach(fleet, through, givesPrivate).get(agents[0] ?? '') ?? [])].some(
              (ref) => !usable.some(({ tool }) => tool.ref === ref),
            )
              ? ['leak_across']
              : []),
            ...(has(isDangerous) &&
            [...(reach(fleet, through, givesUntrusted).get(agents[0] ?? '') ?? [])].some(
              (ref) => !usable.some(({ tool }) => tool.ref === ref),
            )
              ? ['hijack_across']
              : []),
          ].sort();
          const kinds = findings.filter((finding) => finding.agents.includes(agents[0] ?? ''));
          expect(kinds.map(({ kind }) => kind).sort()).toEqual(wanted);
        }
      }),
      { seed: 29, numRuns: 150 },
    );
  });

  it('is analysed the same whatever the order of its agents', () => {
    fc.assert(
      fc.property(fleets, (fleet) => {
        const there = found(fleet).findings;
        const back = found(fleet.toReversed()).findings;
        expect(back.map(({ id, kind, severity, cut }) => [id, kind, severity, cut.length])).toEqual(
          there.map(({ id, kind, severity, cut }) => [id, kind, severity, cut.length]),
        );
      }),
      { seed: 29, numRuns: 100 },
    );
  });
});
