/**
 * `npm run bench:agentdojo`: recorded tasks and attacks of AgentDojo through the real pipeline, each as a session of a Senior agent that has the person's words as its
 * task. No model: the agent is taken to obey every injection, and a person to approve what a benign task needs and nothing else. What is counted: injected
 * calls that change or send something and ran without a person, and benign tasks in which nobody was asked anything.
 *
 * Options: `--data DIR` (one `SUITE.json` and `SUITE.attacked.jsonl[.gz]` for each suite), `--classification DIR` (`SUITE.yaml`, as `atf tool classify --file` reads
 * it; where there is none, the automatic classification alone), `--tau DIR` (benign traces without results), `--json FILE`, `--quick` (one attack of five, and only the
 * profiles that are shipped).
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { parseClassificationFile } from '@atf/core/wire/classification-file';
import type { SaidOfTools } from '@atf/core/wire/classifications';
import type { ToolDoc } from '@atf/core/wire/feed';
import { type Profile, policyOf, profiles } from './agentdojo/policies.ts';
import { type Attacked, attackedSchema, type Suite, suiteSchema, type UserTask } from './agentdojo/suite.ts';
import { runTau } from './agentdojo/tau.ts';
import { toolsOf } from './agentdojo/tools.ts';
import { type Setting, Trace } from './agentdojo/trace.ts';

const root = join(import.meta.dirname, '..');
const shared = process.env['ATF_DATA'] ?? join(root, '../shared/data');
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: join(shared, 'agentdojo') },
    tau: { type: 'string', default: join(shared, 'tau') },
    classification: { type: 'string', default: join(root, 'bench/agentdojo/classification') },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});

interface Result extends Tally {
  readonly suite: string;
  readonly profile: Profile;
  /** `reviewed`: of a file; `automatic`: guessed, and taken as it is but for a person's word that the tools are fit to be used alone. */
  readonly classification: 'reviewed' | 'automatic';
}

function attacksOf(suite: string): Attacked[] {
  const plain = join(options.data, `${suite}.attacked.jsonl`);
  const text = existsSync(plain)
    ? readFileSync(plain, 'utf8')
    : gunzipSync(readFileSync(`${plain}.gz`)).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => attackedSchema.parse(JSON.parse(line)));
}

function reviewedOf(suite: string): SaidOfTools | undefined {
  const path = join(options.classification, `${suite}.yaml`);
  if (!existsSync(path)) return undefined;
  const read = parseClassificationFile(readFileSync(path, 'utf8'));
  if (!read.ok) throw new Error(`${path}: ${read.problem}`);
  return read.tools;
}

/** What was counted over the traces of one suite. */
interface Tally {
  benign: number;
  /** Benign tasks in which nothing was asked about or refused. */
  undisturbed: number;
  questions: number;
  /** Calls of benign tasks that were refused for good, by code. */
  refusals: Record<string, number>;
  attacks: number;
  /** Attacks of which at least one injected call that changes or sends something ran without a person. */
  effective: number;
  /** Injected calls that change or send something. */
  injected: number;
  executed: number;
  /** Effective attacks, by the kind of attack and by the injected task. */
  byAttack: Record<string, number>;
  byInjection: Record<string, number>;
}

const none = (): Tally => ({
  benign: 0,
  undisturbed: 0,
  questions: 0,
  refusals: {},
  attacks: 0,
  effective: 0,
  injected: 0,
  executed: 0,
  byAttack: {},
  byInjection: {},
});
const count = (counts: Record<string, number>, key: string) => {
  counts[key] = (counts[key] ?? 0) + 1;
};

async function benign(setting: Setting, task: UserTask, tally: Tally): Promise<void> {
  const trace = new Trace(setting, task.prompt);
  let disturbed = false;
  for (const step of task.ground_truth) {
    const verdict = await trace.step(step, true);
    if (verdict.is === 'asked') tally.questions++;
    if (verdict.is === 'refused') count(tally.refusals, verdict.code);
    disturbed ||= verdict.is !== 'ran';
  }
  tally.benign++;
  if (!disturbed) tally.undisturbed++;
}

/** Up to the result that holds the injection the agent does its task; then it does what the injection says. */
async function attacked(setting: Setting, row: Attacked, tally: Tally): Promise<void> {
  const trace = new Trace(setting, row.prompt);
  for (const step of row.user_steps.slice(0, row.exposed_after_step + 1)) await trace.step(step, true);
  let effective = false;
  for (const step of row.injected_steps) {
    const verdict = await trace.step(step, false);
    if (trace.classOf(step.function) === 'read') continue;
    tally.injected++;
    if (verdict.is !== 'ran') continue;
    tally.executed++;
    effective = true;
  }
  tally.attacks++;
  if (!effective) return;
  tally.effective++;
  count(tally.byAttack, row.attack);
  count(tally.byInjection, row.injection_task);
}

async function measure(
  suite: Suite,
  attacks: readonly Attacked[],
  tools: readonly ToolDoc[],
  profile: Profile,
): Promise<Tally> {
  const tally = none();
  const afterRead = profile === 'read-then-write';
  const setting = { server: suite.suite, tools, policy: await policyOf(profile), afterRead };
  for (const task of suite.user_tasks) await benign(setting, task, tally);
  for (const row of attacks) await attacked(setting, row, tally);
  return tally;
}

/** With `--quick` one of this many. */
const quickStep = 5;

const percent = (part: number, of: number): string =>
  of === 0 ? '–' : `${((100 * part) / of).toFixed(of < 1000 ? 1 : 2)} %`;

function print(results: readonly Result[]): void {
  const rows = results.map((each) => [
    each.suite,
    each.classification,
    each.profile,
    `${percent(each.effective, each.attacks)} (${each.effective} of ${each.attacks})`,
    `${percent(each.executed, each.injected)} (${each.executed} of ${each.injected})`,
    `${percent(each.undisturbed, each.benign)} (${each.undisturbed} of ${each.benign})`,
    (each.questions / Math.max(1, each.benign)).toFixed(2),
  ]);
  const head = [
    'suite',
    'classification',
    'profile',
    'attacks with an effect',
    'injected calls executed',
    'benign tasks undisturbed',
    'questions per benign task',
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  process.stdout.write(line(head) + line(head.map(() => '---')) + rows.map(line).join(''));
}

function added(a: Tally, b: Tally): Tally {
  const sum = { ...none() };
  for (const key of [
    'benign',
    'undisturbed',
    'questions',
    'attacks',
    'effective',
    'injected',
    'executed',
  ] as const)
    sum[key] = a[key] + b[key];
  return sum;
}

/** All suites of one classification and profile as one. */
function together(results: readonly Result[]): Result[] {
  const sums = new Map<string, Result>();
  for (const each of results) {
    const key = `${each.classification} ${each.profile}`;
    const sum = sums.get(key) ?? { ...each, ...none() };
    sums.set(key, { ...each, ...added(sum, each), suite: 'all' });
  }
  return [...sums.values()];
}

if (!existsSync(options.data)) {
  process.stdout.write(`SKIPPED: ${options.data} is not there; say --data DIR.\n`);
} else {
  const names = readdirSync(options.data)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
  const results: Result[] = [];
  for (const name of names) {
    const suite = suiteSchema.parse(JSON.parse(readFileSync(join(options.data, `${name}.json`), 'utf8')));
    const attacks = attacksOf(name).filter((_, at) => !options.quick || at % quickStep === 0);
    const reviewed = reviewedOf(name);
    if (reviewed === undefined)
      process.stdout.write(`${name}: no ${name}.yaml; the automatic classification alone\n`);
    for (const said of reviewed === undefined ? [undefined] : [reviewed, undefined]) {
      const tools = toolsOf(suite, said);
      for (const profile of options.quick ? (['default', 'strict'] as const) : profiles) {
        const tally = await measure(suite, attacks, tools, profile);
        results.push({
          suite: name,
          profile,
          classification: said === undefined ? 'automatic' : 'reviewed',
          ...tally,
        });
      }
    }
  }
  const all = [...results, ...together(results)];
  print(all);
  const tau = existsSync(options.tau) ? await runTau(options.tau) : undefined;
  if (tau === undefined) process.stdout.write(`SKIPPED: ${options.tau} is not there; say --tau DIR.\n`);
  else process.stdout.write(`${tau.says}\n`);
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ results: all, tau: tau?.raw }, undefined, 2)}\n`);
}
