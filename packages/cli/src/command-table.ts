/** Every command of `atf` with what it takes. What they do is in commands/, loaded when asked for. */
import { Argument, Command as Commander, Option } from 'commander';
import { scopeKinds } from '@atf/core/wire/words';
import type { Command } from './cli.ts';

/** Turns the loader of a command into what commander runs. */
export type Act = (load: () => Promise<Command<never>>) => (...given: unknown[]) => Promise<void>;

export const programHelp = `
In a clone, after the first "npm start":  npx atf COMMAND   (or: npm run atf -- COMMAND)

Every command takes --json (one document per line), --data DIR (default: the nearest .atf
from here upwards; ATF_DATA_DIR) and --control URL (default: what runs in that directory).
--ca FILE (ATF_CA) trusts the authorities of a company, too; --plain-http allows plain HTTP beyond this machine.

Exit codes: 0 done · 1 refused or failed · 2 usage · 3 control cannot be reached
            4 verification failed · 5 cannot start · 6 nobody decided in time
            7 a plan would change something · 8 a dangerous combination · 130 interrupted`;

const classes = ['read', 'write', 'send', 'execute', 'admin'];
const dialects = ['postgresql', 'mysql', 'sqlite'];
const sensitivities = ['public', 'internal', 'confidential', 'restricted'];
const outcomes = ['allowed', 'waiting', 'refused', 'stopped', 'done', 'failed', 'unknown'];
const levels = ['intern', 'junior', 'senior', 'principal'];

const commonOptions = [
  ['--json', 'documents for programs instead of sentences for people'],
  ['--data <dir>', 'data directory of the product'],
  ['--control <url>', 'address of the control plane'],
  ['--ca <file>', 'authorities to trust besides those of the system'],
  ['--plain-http', 'allow plain HTTP beyond this machine'],
] as const;

function common(command: Commander): Commander {
  for (const [flags, words] of commonOptions) command.option(flags, words);
  return command;
}

/** The same before the command (`atf --json status`), where its help tells of them in a paragraph already. */
export function addCommonOptions(program: Commander): void {
  for (const [flags, words] of commonOptions) program.addOption(new Option(flags, words).hideHelp());
}

/** Persons who decide in the example workspace may be simulated; everybody else is handed to the browser. */
function deciding(command: Commander): Commander {
  return command
    .option('--as <email>', 'person of the example workspace who decides (with --simulate-presence)')
    .option(
      '--simulate-presence',
      'SIMULATE the presence of that person; possible in the example workspace only',
    )
    .option('--no-open', 'print the address of the console, open no browser')
    .option('--wait <seconds>', 'how long to wait for the person', '600');
}

/** Where a person who answers for security has to clear it first, once real people have passkeys or passphrases. */
function cleared(command: Commander): Commander {
  return command
    .option('--no-open', 'print the address of the console, open no browser')
    .option('--wait <seconds>', 'how long to wait for the person who clears it', '600');
}

export function addCommands(program: Commander, act: Act): void {
  addRunning(program, act);
  addAgents(program, act);
  addTasks(program, act);
  addReviews(program, act);
  addTools(program, act);
  addApprovals(program, act);
  addContainment(program, act);
  addPolicy(program, act);
  addRecords(program, act);
  addBackup(program, act);
  addWitness(program, act);
  addGateways(program, act);
  addPoints(program, act);
  addHosts(program, act);
  addEgress(program, act);
  addSources(program, act);
  addPeople(program, act);
  addNotify(program, act);
}

function addRunning(program: Commander, act: Act): void {
  common(program.command('up'))
    .description('run control plane, gateway and console')
    .option('--control-port <n>', 'port of control and console (7780)')
    .option('--gateway-port <n>', 'port of the gateway (7781)')
    .option('--key-file <file>', 'file with the key that protects the data directory (made when missing)')
    .option('--policies <dir>', 'folder of the policy files (the product’s own)')
    .option('--witness-policy <file>', 'ask the witnesses that this policy names to cosign the log')
    .option('--tls-cert <file>', 'certificate chain for localhost, in PEM: both planes speak TLS')
    .option('--tls-key <file>', 'its private key, in PEM')
    .option('--empty', 'no example workspace in an empty data directory')
    .action(act(async () => (await import('./commands/up.ts')).up));
  plane(program, 'control', 'run one control plane as a plain process (--help says what it takes)').action(
    act(async () => (await import('./commands/planes.ts')).control),
  );
  plane(program, 'gateway', 'run one gateway as a plain process (--help says what it takes)').action(
    act(async () => (await import('./commands/planes.ts')).gateway),
  );
  common(program.command('sign-in'))
    .description('make a one-time sign-in link')
    .option('--as <email>', 'for this person instead of the first operator')
    .option('--open', 'open it in the browser')
    .option('--wait <seconds>', 'how long to wait for the person who clears it', '600')
    .action(act(async () => (await import('./commands/people.ts')).signIn));
  common(program.command('status'))
    .description('what runs, what waits, what is stopped')
    .action(act(async () => (await import('./commands/status.ts')).status));
  common(program.command('connect <server>'))
    .description(
      "serve a governed tool server to a stock MCP host over stdio, holding the agent's key for it",
    )
    .requiredOption('--agent <name>', 'agent to act as')
    .option(
      '--join-token <token>',
      'enrol with this one-time token first; better in ATF_JOIN_TOKEN: other users see arguments',
    )
    .option('--http [port]', 'serve Streamable HTTP on 127.0.0.1 instead of stdio')
    .option('--task <id>', 'work on this task, which a person gave (atf task give), and on nothing else')
    .action(act(async () => (await import('./commands/connect.ts')).connect));
}

function addTasks(program: Commander, act: Act): void {
  const task = program.command('task').description('tasks: what an agent is to do, in your own words');
  common(task.command('give <agent> <words...>'))
    .description('give an agent a task; what does not come from its words is asked about')
    .option('--minutes <n>', 'how long it may be worked on (480)')
    .action(act(async () => (await import('./commands/tasks.ts')).giveTask));
  common(task.command('add <task> <words...>'))
    .description('add to the words of a task that you gave')
    .action(act(async () => (await import('./commands/tasks.ts')).addToTask));
  common(task.command('list'))
    .description('the newest tasks')
    .option('--agent <name>', 'of this agent')
    .action(act(async () => (await import('./commands/tasks.ts')).listTasks));
  common(task.command('end <task>'))
    .description('end a task and the session that works on it')
    .action(act(async () => (await import('./commands/tasks.ts')).endTask));
}

function addReviews(program: Commander, act: Act): void {
  const review = program.command('review').description('what people look at afterwards');
  common(review.command('list'))
    .description('reviews that are open, the oldest first')
    .option('--all', 'those that were decided, too')
    .option('--agent <name>', 'of this agent')
    .action(act(async () => (await import('./commands/reviews.ts')).listReviews));
  common(review.command('show <review>'))
    .description('one review, with its calls')
    .action(act(async () => (await import('./commands/reviews.ts')).showReview));
  common(review.command('confirm <review>'))
    .description('say that you have looked at its first ten calls, and that they are right')
    .option('--note <words>', 'words for the record')
    .option('--as <person>', 'SIMULATED: a marked person of the example workspace')
    .action(act(async () => (await import('./commands/reviews.ts')).confirmReview));
  common(review.command('object <review> <words...>'))
    .description('say what is wrong in its first ten calls; people are told')
    .option('--as <person>', 'SIMULATED: a marked person of the example workspace')
    .action(act(async () => (await import('./commands/reviews.ts')).objectToReview));
}

/** Its options are its own: they pass through unread. */
const plane = (program: Commander, name: string, words: string): Commander =>
  program
    .command(name)
    .description(words)
    .argument('[options...]')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false);

function addBackup(program: Commander, act: Act): void {
  const keyFile = ['--key-file <file>', 'file with the key of the product; or the key in ATF_KEY'] as const;
  common(program.command('backup <dir>'))
    .description('back up database and log into an empty folder, and verify it; PostgreSQL while it runs')
    .option(...keyFile)
    .action(act(async () => (await import('./commands/backup.ts')).backup));
  common(program.command('restore [dir]'))
    .description('restore a backup into an empty directory or database; the fleet is stopped then')
    .option(...keyFile)
    .option('--check', 'only verify the backup')
    .option('--mark', 'no backup: the database was brought back by its own means, and is marked as restored')
    .action(act(async () => (await import('./commands/backup.ts')).restore));
}

function addWitness(program: Commander, act: Act): void {
  common(program.command('witness'))
    .description('run a witness: cosigns checkpoints of logs, each only if it follows from the one before')
    .requiredOption('--dir <dir>', 'its own directory: key (made at the first start) and state')
    .option('--name <name>', 'name of a new witness, like witness.example.com/w1')
    .option('--log <vkey...>', 'verifier key of a log that it watches')
    .option('--logs <file>', 'file with verifier keys of logs, one a line')
    .option('--host <host>', 'address to listen on', 'localhost')
    .option('--port <n>', 'port to listen on (0: any free one)', '7790')
    .action(act(async () => (await import('./commands/witness.ts')).witness));
}

function addAgents(program: Commander, act: Act): void {
  const agent = program.command('agent').description('agents: register, list, show, enrol');
  common(agent.command('register <manifest>'))
    .description('register an agent, or a new version of it, from its manifest (YAML or JSON)')
    .action(act(async () => (await import('./commands/agents.ts')).registerAgent));
  common(agent.command('list'))
    .description('agents by name, a page at a time')
    .option('--after <name>', 'those behind this one')
    .option('--limit <n>', 'how many, 1 to 500', '200')
    .action(act(async () => (await import('./commands/agents.ts')).listAgents));
  common(agent.command('show <name>'))
    .description('one agent: who answers for it, and what it may do, tool by tool')
    .action(act(async () => (await import('./commands/agents.ts')).showAgent));
  common(agent.command('rights <name>'))
    .description('what it may do tool by tool and why, now or at a moment that has passed')
    .option('--at <time>', 'a moment that has passed, as 2026-11-21T14:30:00Z (default: now)')
    .action(act(async () => (await import('./commands/rights.ts')).agentRights));
  common(agent.command('enrol <name>'))
    .description('issue a one-time join token for a new instance')
    .action(act(async () => (await import('./commands/agents.ts')).enrolAgent));
  common(agent.command('ceiling <name>'))
    .argument('<level>', [...levels, 'none'].join(', '))
    .description('set the ceiling on its level, or lift it (none): a person does, in the browser')
    .option('--no-open', 'print the address of the console, open no browser')
    .option('--wait <seconds>', 'how long to wait for the person', '600')
    .action(act(async () => (await import('./commands/ceiling.ts')).ceiling));
  common(agent.command('unthrottle <name>'))
    .description('let it call as usual again for the rest of the hour: a person does, in the browser')
    .option('--no-open', 'print the address of the console, open no browser')
    .option('--wait <seconds>', 'how long to wait for the person', '600')
    .action(act(async () => (await import('./commands/unthrottle.ts')).unthrottle));
  common(agent.command('labels <name>'))
    .description('what its instances, and whoever works on its tasks, have read, and what follows from it')
    .action(act(async () => (await import('./commands/labels.ts')).showLabels));
  common(agent.command('declassify <name>'))
    .argument('[holder]', 'the instance or the task; without it any of them')
    .description('declare harmless what it has read: a person who answers for security does, in the browser')
    .option('--no-open', 'print the address of the console, open no browser')
    .option('--wait <seconds>', 'how long to wait for the person', '600')
    .action(act(async () => (await import('./commands/labels.ts')).declassify));
  common(agent.command('revoke <name>'))
    .argument('[grant]', 'one of them; without it all')
    .description('end boundaries that it has widened for itself, now')
    .action(act(async () => (await import('./commands/boundaries.ts')).revokeGrants));
  common(agent.command('try-level <agent>'))
    .description('which recorded decisions would be others, had this agent had another level')
    .addArgument(new Argument('<level>', 'the level').choices(levels))
    .option('--days <n>', 'of the last days', '30')
    .action(act(async () => (await import('./commands/backtest.ts')).tryLevel));
}

function addTools(program: Commander, act: Act): void {
  const tool = program
    .command('tool')
    .description('tool servers and tools: add, list, scan, show, classify, accept');
  common(tool.command('add <server>'))
    .description('register a tool server')
    .addOption(
      new Option('--url <url>', 'reached over Streamable HTTP').conflicts(['stdio', 'cmd', 'definitions']),
    )
    .addOption(
      new Option(
        '--definitions <file>',
        'cooperative: agents run these tools themselves, asked first',
      ).conflicts(['stdio', 'cmd']),
    )
    .addOption(
      new Option(
        '--openapi <file>',
        'an HTTP service: its OpenAPI document (3.0 or 3.1, JSON or YAML)',
      ).conflicts(['url', 'stdio', 'cmd', 'definitions']),
    )
    .option('--base-url <url>', 'with --openapi: where the service is')
    .option('--credential-file <file>', 'with --openapi: how the gateway makes itself known to it')
    .option('--stdio', "started by the gateway's host; its command stands in the servers file there")
    .option(
      '--cmd <json>',
      'with --stdio: writes that file here, a list like ["/usr/bin/node", "/opt/crm/server.js"]',
    )
    .option('--private-network', 'its address may be a private or loopback one (written on this host)')
    .requiredOption('--domain <name>', 'domain that its tools belong to')
    .option('--trusted', 'its output is trusted (default: untrusted)')
    .option('--stateless', 'one connection may serve all agents')
    .action(act(async () => (await import('./commands/tools.ts')).addServer));
  cleared(common(tool.command('may-ask <server> <kinds>')))
    .description(
      'say what a server may ask agents for while their calls run: elicitation,sampling,roots or nothing',
    )
    .action(act(async () => (await import('./commands/tools.ts')).setMayAsk));
  common(tool.command('define <server> <file>'))
    .description(
      'say which tools a cooperative server has now, or hand in the new document of an HTTP service; what changed waits until it is accepted',
    )
    .action(act(async () => (await import('./commands/tools.ts')).defineTools));
  common(tool.command('credential <server>'))
    .description('replace the credential of an HTTP service, or take it away')
    .option('--credential-file <file>', 'how the gateway makes itself known to it from now on')
    .option('--none', 'no credential any more')
    .action(act(async () => (await import('./commands/tools.ts')).setCredential));
  common(tool.command('list'))
    .description('tools with their class and state')
    .option('--server <name>', 'of one server')
    .action(act(async () => (await import('./commands/tools.ts')).listTools));
  common(tool.command('scan'))
    .description(
      'what the definitions of tools say that definitions need not say; exit code 8 when a severe finding is not acknowledged',
    )
    .option('--server <name>', 'of one server')
    .action(act(async () => (await import('./commands/tools.ts')).scanTools));
  common(tool.command('show <tool>'))
    .description('one tool (server/tool): classification, definition, difference to what is offered')
    .action(act(async () => (await import('./commands/tools.ts')).showTool));
  cleared(common(tool.command('classify <tool>')))
    .description('correct the classification of a tool, or with --file of many tools of a server')
    .option(
      '--file <file>',
      'what you say about the tools of this server, in YAML: tool name → classification',
    )
    .addOption(new Option('--class <class>').choices(classes))
    .addOption(new Option('--sensitivity <word>').choices(sensitivities))
    .addOption(new Option('--output <trust>').choices(['trusted', 'untrusted']))
    .option('--domain <name>')
    .addOption(new Option('--reversible <yes|no>').choices(['yes', 'no']))
    .option('--inverse <tool>', 'tool of the same server that undoes it')
    .addOption(new Option('--idempotent <yes|no>').choices(['yes', 'no']))
    .addOption(
      new Option('--write-safe <yes|no>', 'fit to be written by an agent alone').choices(['yes', 'no']),
    )
    .addOption(
      new Option('--memory <yes|no>', 'keeps what agents read later: a memory, notes, an index').choices([
        'yes',
        'no',
      ]),
    )
    .option('--amount <name>', 'argument that is the amount')
    .option('--currency <name>', 'argument that is its currency')
    .option('--destination <name>', 'argument that says where something goes')
    .option('--object <name>', 'argument that names what is changed')
    .option('--query <name>', 'argument that is searched for')
    .option('--sql <name>', 'argument that is a statement in SQL')
    .addOption(new Option('--dialect <word>', 'the database that reads it').choices(dialects))
    .option('--schema <name>', 'the schema in which it finds a table without one')
    .option('--functions <names>', 'further functions and types that only compute, with commas')
    .option(
      '--output-schema <file>',
      'JSON Schema that its results must fit besides its own; none takes it away',
    )
    .option(
      '--resource <address>',
      'of a template: what --sensitivity and --output say is about this address, or with / at its end all below it',
    )
    .option('--forget', 'nothing is said of that address any more')
    .action(act(async () => (await import('./commands/tools.ts')).classifyTool));
  cleared(common(tool.command('accept <tool>')))
    .description('accept the definition on offer of a quarantined tool')
    .option('--digest <digest>', 'exactly this one (default: shows the difference and asks)')
    .option('--acknowledge <findings>', 'names of severe findings in it that you know of, with commas')
    .option('--yes', 'do not ask')
    .action(act(async () => (await import('./commands/tools.ts')).acceptTool));
}

function addApprovals(program: Commander, act: Act): void {
  const approvals = program.command('approvals').description('calls that wait for a person');
  common(approvals.command('list'))
    .description('calls that wait; --all for decided ones too')
    .option('--all', 'decided ones too')
    .action(act(async () => (await import('./commands/approvals.ts')).listApprovals));
  common(approvals.command('show <id>'))
    .description('exactly what would run')
    .action(act(async () => (await import('./commands/approvals.ts')).showApproval));
  deciding(common(approvals.command('approve <id>')))
    .description('hand the decision to a person in the browser, and wait for it')
    .option('--reason <text>')
    .action(act(async () => (await import('./commands/approvals.ts')).approve));
  common(approvals.command('reject <id>'))
    .description('reject a call')
    .requiredOption('--reason <text>', 'why; the agent reads it')
    .action(act(async () => (await import('./commands/approvals.ts')).reject));
}

const kindOfScope = () => new Argument('<kind>', 'what is stopped').choices(scopeKinds);

function addContainment(program: Commander, act: Act): void {
  const stopping = common(program.command('kill').addArgument(kindOfScope()).argument('[name]'))
    .description(
      'stop an agent, a version of it (agent@version), a session, all agents of a purpose or an owner, a tool (server/tool, server/*), or the fleet',
    )
    .option(
      '--pause',
      'pause instead of kill: calls are cut and approvals void too, but credentials stay valid',
    )
    .option(
      '--graceful [seconds]',
      'let calls under way end, for 30 seconds or as many as you say; nothing begins meanwhile',
    )
    .option('--reason <text>', 'for the record', 'stopped from the command line')
    .option('--yes', 'do not ask')
    .option(
      '--offline',
      'write it into the stop file of this host: works with control down, stops it at the gateway of this host',
    );
  stopping.action(act(async () => (await import('./commands/containment.ts')).kill));
  deciding(common(program.command('resume').addArgument(kindOfScope()).argument('[name]')))
    .description('resume what was stopped; a person confirms in the browser')
    .addOption(
      new Option(
        '--ceiling <level>',
        'resume at this level at most; none: lift the ceiling (security); without it agents keep the one they have',
      ).choices([...levels, 'none']),
    )
    .addOption(
      new Option(
        '--totals <word>',
        'of the fleet, after a restore: go on as of the backup; without it totals that the restore has lost count as used up until their hour or day is over',
      ).choices(['as-backup']),
    )
    .option('--reason <text>', 'for the record', 'resumed from the command line')
    .option('--offline', 'take it out of the stop file of this host; other stops in the file stay')
    .action(act(async () => (await import('./commands/containment.ts')).resume));
}

function addPolicy(program: Commander, act: Act): void {
  const policy = program
    .command('policy')
    .description('what may never happen, and what only with a person: write, test, plan, apply');
  const online = async () => import('./commands/policy.ts');
  const offline = async () => import('./commands/policy-files.ts');
  common(policy.command('show'))
    .description('the version in force: who, when, why, its files')
    .option('--out <dir>', 'write its files into this folder, which is empty or new')
    .option('--version <n>', 'an earlier version')
    .action(act(async () => (await online()).showPolicy));
  common(policy.command('history'))
    .description('versions, newest first')
    .option('--limit <n>', 'how many', '20')
    .action(act(async () => (await online()).policyHistory));
  common(policy.command('lint [dir]'))
    .description('check a folder: syntax, schema, settings, what can never apply; needs no running ATF')
    .option('--application', 'it is the set of an application; its cases are run, too')
    .option(
      '--types <file>',
      'arguments of tools, saved by "atf policy schema --json"; else control is asked',
    )
    .action(act(async () => (await offline()).lintPolicies));
  common(policy.command('schema'))
    .description('what policies may speak about, with the arguments of every accepted tool as types')
    .option('--tool <server/tool>', 'the whole schema for policies about this tool')
    .action(act(async () => (await import('./commands/policy-schema.ts')).showSchema));
  common(policy.command('templates'))
    .description('policies for the usual, one line each; needs no running ATF')
    .action(act(async () => (await import('./commands/policy-templates.ts')).listTemplates));
  common(policy.command('template <name>'))
    .description('print one, to be changed and put beside your policies')
    .option('--cases', 'its cases instead, for the folder cases/')
    .action(act(async () => (await import('./commands/policy-templates.ts')).showTemplate));
  common(policy.command('format [dir]'))
    .description("write the .cedar files of a folder as Cedar's formatter does")
    .option('--check', 'only say which files would change (exit code 1)')
    .action(act(async () => (await offline()).formatPolicies));
  common(policy.command('test [dir]'))
    .description('run the cases of a folder; needs no running ATF')
    .action(act(async () => (await offline()).testPolicies));
  common(policy.command('plan [dir]'))
    .option('--application <name>', 'the set of this application instead of the one about agents')
    .description('which rights would appear and vanish, agent by agent; exit code 7 when any would')
    .option('--version <n>', 'of an earlier version instead of a folder')
    .option('--all', 'every change, not only the first 50 agents')
    .action(act(async () => (await online()).planPolicy));
  common(policy.command('backtest [target]'))
    .description(
      'which recorded decisions would be others under a folder, or a candidate (its id); exit code 7 when any would',
    )
    .option('--days <n>', 'of the last days', '30')
    .option('--agent <name>', 'only decisions about this agent')
    .action(act(async () => (await import('./commands/backtest.ts')).backtestPolicy));
  common(policy.command('analyze'))
    .description('rights that are dangerous together: private data and a way out, untrusted text and harm')
    .option('--agent <name>', 'only what this agent takes part in')
    .addOption(new Option('--level <level>', 'as if every agent had this level').choices(levels))
    .addOption(
      new Option('--through <word>', 'the least free right that counts; what takes more is a break')
        .choices(['alone', 'task', 'person'])
        .default('task'),
    )
    .option('--policies <dir>', 'under the policies of this folder instead of those in force')
    .addOption(
      new Option('--fail-on <severity>', 'exit code 8 when one as bad as this is found').choices([
        'low',
        'medium',
        'high',
      ]),
    )
    .option('--accepted <file>', 'findings that people have accepted, with a reason and an end (YAML)')
    .option('--all', 'every finding in full, not only the first 20')
    .action(act(async () => (await import('./commands/policy-analysis.ts')).analyzePolicy));
  const shadow = policy
    .command('shadow')
    .description(
      'a candidate beside the set in force: asked for every decision, counted, and deciding nothing',
    );
  common(shadow.command('start [target]'))
    .description('put a folder, or a candidate (its id), into the shadow')
    .option('--hours <n>', 'it ends by itself then', '168')
    .action(act(async () => (await import('./commands/shadow.ts')).startShadow));
  common(shadow.command('status'))
    .description('which decisions would have been others until now')
    .action(act(async () => (await import('./commands/shadow.ts')).shadowStatus));
  common(shadow.command('stop'))
    .description('end it; what was counted stays until the next one')
    .action(act(async () => (await import('./commands/shadow.ts')).stopShadow));
  cleared(common(policy.command('apply [dir]')))
    .option('--application <name>', 'the set of this application; two people confirm it')
    .description('propose a folder as the next version; people confirm it in the browser, two if it loosens')
    .requiredOption('--reason <text>', 'why; it stands in the history')
    .option('--base <n>', 'the version that you changed (default: the one in force now)')
    .action(act(async () => (await online()).applyPolicy));
  cleared(common(policy.command('rollback <version>')))
    .description('propose the content of an earlier version as the next one, by the same rules')
    .requiredOption('--reason <text>', 'why; it stands in the history')
    .action(act(async () => (await online()).rollbackPolicy));
}

function addRecords(program: Commander, act: Act): void {
  common(program.command('decide <agent> <tool>'))
    .description('what would happen to a call, and why; nothing runs')
    .option('--args <json>', 'arguments of the call', '{}')
    .action(act(async () => (await import('./commands/decide.ts')).decide));
  common(program.command('activity'))
    .description('what happened')
    .option('--follow', 'and what happens, until Ctrl-C')
    .option('--agent <name>', 'of one agent')
    .addOption(new Option('--outcome <word>', 'only these').choices(outcomes))
    .option('--limit <n>', 'how many', '20')
    .action(act(async () => (await import('./commands/activity.ts')).activity));
  common(program.command('action').description('actions: one call of a tool').command('show <action>'))
    .description('what was decided about an action, in plain words, and what would have changed it')
    .option('--checks', 'also each check, in the order in which they ran')
    .action(act(async () => (await import('./commands/action.ts')).showAction));
  common(program.command('drift'))
    .description('how far the inputs of agents are from what they were, by source')
    .action(act(async () => (await import('./commands/drift.ts')).drift));
  const data = program.command('data').description('values that agents read tokens in place of');
  common(data.command('reveal <token>'))
    .description('look at the value behind a token, in the console: who looked and why is recorded')
    .option('--no-open', 'do not open the browser')
    .action(act(async () => (await import('./commands/tokens.ts')).revealToken));
  common(data.command('forget <token>'))
    .description('erase the value behind a token at once')
    .requiredOption('--reason <text>', 'why')
    .action(act(async () => (await import('./commands/tokens.ts')).forgetToken));
  const lineage = program
    .command('lineage')
    .description('where something came from, and what it has touched; that you asked is recorded');
  const drawn = (command: Commander) =>
    common(command)
      .option('--depth <n>', 'steps to go, 1 to 20', '6')
      .option('--prov', 'as a PROV-JSON document (W3C)');
  drawn(lineage.command('of <action>'))
    .description('where a call, and each of its values, came from')
    .action(act(async () => (await import('./commands/lineage.ts')).lineageOf));
  drawn(lineage.command('touched <what>'))
    .description('what came of an action, a tool or resource (server/tool), or a document that calls name')
    .action(act(async () => (await import('./commands/lineage.ts')).lineageTouched));
  common(lineage.command('value'))
    .description('which recorded arguments and results hold the value on standard input')
    .option('--agent <name>', 'of one agent')
    .addOption(new Option('--where <word>', 'only these').choices(['arguments', 'result']))
    .action(act(async () => (await import('./commands/lineage.ts')).lineageValue));
  const audit = program.command('audit').description('the log');
  common(audit.command('verify'))
    .description('verify the whole log: signatures, every entry, every hash')
    .option('--offline [dir]', 'of files on disk, without control: of a copy, or of this data directory')
    .option('--policy <file>', 'believe only what a quorum of the witnesses in this file has cosigned')
    .option('--cosigned-within <minutes>', 'with --policy: and not longer ago than this')
    .action(act(async () => (await import('./commands/audit.ts')).verifyLog));
  common(audit.command('status'))
    .description('how far the log is signed and cosigned, and how its witnesses stand')
    .action(act(async () => (await import('./commands/audit-proof.ts')).auditStatus));
  common(audit.command('proof <record>'))
    .description('the proof file of one record (index in the log, or id of an action), on standard output')
    .option('--uncosigned', 'also when no quorum of witnesses has cosigned it yet')
    .action(act(async () => (await import('./commands/audit-proof.ts')).proof));
  common(audit.command('verify-proof <file>'))
    .description('verify a proof file offline, with a policy and nothing else')
    .requiredOption('--policy <file>', 'the log, its witnesses and their quorum')
    .action(act(async () => (await import('./commands/audit-proof.ts')).verifyProof));
  common(audit.command('copy <dir>'))
    .description('take a consistent copy of the log, while it grows, to keep or to verify elsewhere')
    .action(act(async () => (await import('./commands/audit.ts')).copy));
  common(program.command('conformance'))
    .description('the 25 requirements: proved, partly, not yet')
    .action(act(async () => (await import('./commands/conformance.ts')).conformance));
}

function addGateways(program: Commander, act: Act): void {
  const gateways = program.command('gateways').description('gateways: list, enrol, revoke');
  common(gateways.command('list'))
    .description('all gateways, and which of them are connected')
    .action(act(async () => (await import('./commands/gateways.ts')).listGateways));
  common(gateways.command('join-token <name>'))
    .description('make a one-time token with which a gateway enrols')
    .option('--server <name...>', 'tool servers that it carries (without: every one)')
    .action(act(async () => (await import('./commands/gateways.ts')).gatewayJoinToken));
  common(gateways.command('revoke <name>'))
    .description('a gateway serves no more, from now on and for good')
    .requiredOption('--reason <text>')
    .action(act(async () => (await import('./commands/gateways.ts')).revokeGateway));
  common(gateways.command('import <dir>'))
    .description('bring what a revoked gateway recorded and could not ship, from its directory, into the log')
    .action(act(async () => (await import('./commands/import-spool.ts')).importSpool));
}

function addPoints(program: Commander, act: Act): void {
  const point = program
    .command('point')
    .description('enforcement points of others that ask for decisions: add, list, revoke');
  common(point.command('add <name>'))
    .description('register a gateway, mesh or application that may ask; its credential is shown once')
    .option('--agent <name...>', 'agents whose calls it asks about (AuthZEN)')
    .option('--application <name>', 'the application set that answers everything else that it asks')
    .option('--service <service=url...>', 'HTTP services whose requests it hands in (Envoy ext_authz)')
    .option('--proves', 'it makes sure that agents hold their keys; otherwise they count as Interns')
    .option('--per-minute <n>', 'questions a minute (6000)')
    .action(act(async () => (await import('./commands/points.ts')).addPoint));
  common(point.command('list'))
    .description('who may ask about what')
    .action(act(async () => (await import('./commands/points.ts')).listPoints));
  common(point.command('revoke <name>'))
    .description('it may ask nothing any more')
    .requiredOption('--reason <text>')
    .action(act(async () => (await import('./commands/points.ts')).revokePoint));
}

function addHosts(program: Commander, act: Act): void {
  const host = program
    .command('host')
    .description('host applications that say what sessions of agents are for: add, list, revoke');
  common(host.command('add <name>'))
    .description('register an application that may declare tasks; its credential is shown once')
    .requiredOption('--agent <name...>', 'agents for which it may')
    .option('--answers <person>', 'mail address or id of who answers for it (without: you)')
    .action(act(async () => (await import('./commands/hosts.ts')).addHost));
  common(host.command('list'))
    .description('which applications may declare tasks of which agents')
    .action(act(async () => (await import('./commands/hosts.ts')).listHosts));
  common(host.command('revoke <name>'))
    .description('it may declare nothing any more, and what it declared ends')
    .requiredOption('--reason <text>')
    .action(act(async () => (await import('./commands/hosts.ts')).revokeHost));
}

function addEgress(program: Commander, act: Act): void {
  common(program.command('egress <name>'))
    .description('where an agent may connect to now, from its rights: for the network that enforces it')
    .addOption(
      new Option('--format <form>').choices(['networkpolicy', 'envoy', 'json']).default('networkpolicy'),
    )
    .option('--gateway', 'of a gateway instead of an agent')
    .option('--namespace <name>', 'namespace of the policy and of the pods')
    .option('--own <server=url...>', 'where tools connect to that the agent runs itself')
    .option('--pin <host=range...>', 'addresses of a host that has a name only, like 203.0.113.7/32')
    .action(act(async () => (await import('./commands/egress.ts')).egress));
}

function addSources(program: Commander, act: Act): void {
  const source = program
    .command('source')
    .description(
      'retrieval sources: which tool answers from which index, and who may bring indexes together',
    );
  cleared(common(source.command('add <tool>')))
    .description('say from which index a tool (server/tool), or an address under a template, answers')
    .option('--address <address>', 'of a template: this address, or with / at its end all below it')
    .option('--argument <name>', 'of a tool that chooses its index: the argument, or its JSON Pointer')
    .option('--value <text>', 'and its value for this index; every other value is refused')
    .requiredOption('--index <name>', 'the index; an index holds one level')
    .addOption(
      new Option('--sensitivity <word>', 'what the index holds').choices(sensitivities).makeOptionMandatory(),
    )
    .addOption(
      new Option('--output <trust>', 'whether others may have written it')
        .choices(['trusted', 'untrusted'])
        .makeOptionMandatory(),
    )
    .option('--category <list>', 'kinds of sensitive data that it may hold: PII,PHI,PCI,secret')
    .action(act(async () => (await import('./commands/sources.ts')).addSource));
  cleared(common(source.command('remove <tool>')))
    .description('say that it is no retrieval source any more')
    .option('--address <address>', 'as it was registered')
    .option('--argument <name>', 'as it was registered')
    .option('--value <text>', 'as it was registered')
    .action(act(async () => (await import('./commands/sources.ts')).removeSource));
  common(source.command('list'))
    .description('sources by index, what each index holds, and who may bring indexes together')
    .action(act(async () => (await import('./commands/sources.ts')).listSources));
  cleared(common(source.command('blend <agent> <indexes>')))
    .description('let an agent bring indexes (with commas) together until a day')
    .requiredOption('--until <day>', 'the last day, in UTC: 2026-12-24')
    .requiredOption('--reason <text>', 'why')
    .action(act(async () => (await import('./commands/sources.ts')).blend));
  common(source.command('part <agent>'))
    .argument('[grant]', 'one of them; without it all')
    .description('end what was allowed with blend, now')
    .action(act(async () => (await import('./commands/sources.ts')).part));
}

function addPeople(program: Commander, act: Act): void {
  const people = program.command('people').description('people and what they answer for');
  common(people.command('list'))
    .description('all people')
    .action(act(async () => (await import('./commands/people.ts')).listPeople));
  cleared(common(people.command('add <email>')))
    .description('register a person')
    .requiredOption('--name <name>')
    .option(
      '--role <role...>',
      'sponsor, agent_owner, technical_owner, business_owner, security, risk, approver, operator, auditor',
    )
    .action(act(async () => (await import('./commands/people.ts')).addPerson));
}

function addNotify(program: Commander, act: Act): void {
  const notify = program
    .command('notify')
    .description('what people are told: list, ack, where it goes, whether it arrived');
  common(notify.command('list'))
    .description('what nobody has taken note of yet; --all for the rest too')
    .option('--all', 'what somebody has taken note of too')
    .option('--limit <n>', 'how many', '20')
    .action(act(async () => (await import('./commands/notify.ts')).listNotifications));
  common(notify.command('ack <id>'))
    .description('put on record that you have taken note (with the first 8 characters of its id)')
    .action(act(async () => (await import('./commands/notify.ts')).acknowledge));
  common(notify.command('deliveries'))
    .description('messages to targets and what became of them')
    .option('--dead', 'only those that were given up')
    .option('--limit <n>', 'how many', '20')
    .action(act(async () => (await import('./commands/notify.ts')).listDeliveries));
  common(notify.command('retry <id>'))
    .description('try a message again that was given up')
    .action(act(async () => (await import('./commands/notify.ts')).retryDelivery));
  addTargets(notify, act);
}

function addTargets(notify: Commander, act: Act): void {
  const target = notify.command('target').description('where it goes: add, list, test, remove');
  cleared(common(target.command('add <name>')))
    .description('send what people are told to a webhook, a Slack-compatible chat, or by mail')
    .option('--webhook <url>', 'signed after Standard Webhooks; - takes the address from ATF_NOTIFY_URL')
    .option('--slack <url>', 'incoming webhook of a chat; - takes the address from ATF_NOTIFY_URL')
    .option('--smtp <url>', 'mail: smtps://user@host:465 (TLS) or smtp:// (STARTTLS); ATF_SMTP_PASSWORD')
    .option('--from <address>', 'mail: sender')
    .option('--to <address...>', 'mail: fixed addresses')
    .option('--people', 'mail: the people whom each notification concerns')
    .option('--authorities <file>', 'mail: PEM of authorities to trust instead of the usual ones')
    .option('--kind <kind...>', 'only these kinds (default: every kind)')
    .addOption(
      new Option('--severity <word>', 'this grave at least').choices(['info', 'warning', 'critical']),
    )
    .option('--agent <name...>', 'only about these agents')
    .option('--person <email...>', 'only what concerns one of these people')
    .option('--window <seconds>', 'the first at once, what follows within this time as one digest (300)')
    .option('--attempts <n>', 'before a message is given up (12)')
    .option('--private-network', 'its address may be a private or loopback one')
    .action(act(async () => (await import('./commands/notify.ts')).addTarget));
  common(target.command('list'))
    .description('all targets')
    .action(act(async () => (await import('./commands/notify.ts')).listTargets));
  common(target.command('test <name>'))
    .description('send a message that says that it is a test, and wait for it to arrive')
    .option('--wait <seconds>', 'how long to wait', '30')
    .action(act(async () => (await import('./commands/notify.ts')).testTarget));
  cleared(common(target.command('remove <name>')))
    .description('tell nobody there any more; what waits for it is dropped')
    .action(act(async () => (await import('./commands/notify.ts')).removeTarget));
}
