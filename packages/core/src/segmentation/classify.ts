/**
 * Room: segmentation (S-1, S-2). The first guess at what a tool does, from its name, description, schema and annotations. A person corrects it.
 *
 * Everything here comes from the tool server. What it says may raise the danger that the name suggests and never lowers it; a server that
 * people do not trust cannot make a tool harmless by annotating it, and a name that says nothing leaves the tool unclassified, which counts
 * as the most dangerous class. Whether an agent may write alone (`writeSafe`) is never guessed.
 */
import type { Classification } from '../wire/feed.ts';
import { isJsonObject, type JsonObject } from '../wire/json.ts';
import { type Kind, kindOf } from './offer.ts';
import { type ActionClass, actionClasses, type Sensitivity, sensitivities } from '../wire/words.ts';

/** The words of a list, as it is easiest to read. */
export const wordSet = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Verbs that say the same wherever they stand in a name. */
const verbs: Record<ActionClass, ReadonlySet<string>> = {
  read: wordSet(
    'get list read search find fetch show describe view lookup query retrieve download inspect browse count summarize summarise check compare calculate locate preview validate analyze analyse explain estimate recommend suggest predict forecast identify detect',
  ),
  write: wordSet(
    'create update write set edit add insert put modify change rename move copy append save replace patch assign cancel close reopen approve reject refund archive restore merge upsert increment mark complete register import reschedule reserve adjust alter amend extend renew postpone withdraw deposit buy sell redeem donate subscribe unsubscribe unassign decline confirm dismiss bookmark unpin unlock unlink join leave enroll enrol allocate upgrade downgrade split duplicate unarchive undo rollback retry toggle snooze remember prescribe mkdir touch',
  ),
  send: wordSet('send publish forward broadcast notify tweet dispatch submit upload transmit'),
  execute: wordSet(
    'execute exec run eval invoke trigger deploy launch spawn start stop restart install build schedule',
  ),
  admin: wordSet(
    'delete remove destroy drop purge truncate wipe erase grant revoke impersonate configure reset uninstall shutdown disable enable ban kill',
  ),
};
/** Words that are verbs only where a name begins: `email_customer`, not `get_email`. */
const leadingVerbs: Record<ActionClass, ReadonlySet<string>> = {
  read: wordSet('tree diff status ls cat grep tail head stat pwd wc'),
  write: wordSet(
    'book order pay transfer charge issue log tag label comment make place plan purchase rate review react vote pin star lock link follow unfollow like record store draft exchange trade claim sign clone fork accept resolve apply request turn fund wire tip hire onboard cp mv',
  ),
  send: wordSet(
    'email mail message post share reply text sms call invite announce push retweet respond remind contact fax dm deliver tell',
  ),
  execute: wordSet(
    'test process automate script shell bash command cmd reboot provision scale migrate rebuild rerun',
  ),
  admin: wordSet(
    'admin configure permission role terminate suspend deactivate block unblock rotate promote demote rm rmdir fire',
  ),
};
/** After these a name begins anew: `lookup_and_post`. */
const joiningWords = wordSet('and or then');
/** Two words that are one verb. */
const phrases: Readonly<Record<string, ActionClass>> = {
  'check out': 'write',
  'sign up': 'write',
  'sign off': 'write',
  'roll back': 'write',
  'shut down': 'admin',
  'take down': 'admin',
  'set up': 'execute',
  'kick off': 'execute',
  'hand over': 'send',
  'call back': 'send',
};
/** Arguments through which anything can be done. */
const executableArguments = wordSet('command cmd script shell bash sql statement code');
/** Tools of databases: an argument that they call a query or a statement is SQL. */
const databaseWords = wordSet('sql postgres postgresql pg mysql mariadb sqlite database db duckdb');
/** Arguments that say where a request goes: what is asked of an address that the agent chooses carries data there. */
const addressArguments = wordSet('url uri webhook endpoint callback recipient recipients destination');
const sensitiveWords: readonly (readonly [Sensitivity, ReadonlySet<string>])[] = [
  [
    'restricted',
    wordSet(
      'secret secrets password passwords credential credentials token tokens apikey privatekey payroll salary patient medical diagnosis',
    ),
  ],
  [
    'confidential',
    wordSet(
      'customer customers user users person people employee employees email emails phone address addresses contact contacts account accounts iban invoice invoices payment payments',
    ),
  ],
];
const inverses: Readonly<Record<string, readonly string[]>> = {
  create: ['cancel', 'delete', 'remove'],
  add: ['remove', 'delete'],
  insert: ['delete', 'remove'],
  issue: ['cancel', 'revoke'],
  enable: ['disable'],
  disable: ['enable'],
  archive: ['restore', 'unarchive'],
  close: ['reopen', 'open'],
  lock: ['unlock'],
  start: ['stop'],
  grant: ['revoke'],
  assign: ['unassign'],
};

/** Characters of a description that are looked at. */
const descriptionMax = 4_000;
const argumentsMax = 200;

/** `createRefund`, `create_refund`, `billing.create-refund` → create, refund. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

function higher(a: ActionClass | undefined, b: ActionClass | undefined): ActionClass | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return actionClasses.indexOf(a) >= actionClasses.indexOf(b) ? a : b;
}

function classOfVerb(word: string, leading: boolean): ActionClass | undefined {
  return actionClasses.findLast(
    (action) => verbs[action].has(word) || (leading && leadingVerbs[action].has(word)),
  );
}

function classOfName(name: string): ActionClass | undefined {
  const all = wordsOf(name);
  const phrased = all
    .map((word, at) => phrases[`${word} ${all[at + 1] ?? ''}`])
    .reduce<ActionClass | undefined>(higher, undefined);
  return all.reduce<ActionClass | undefined>(
    (found, word, at) => higher(found, classOfVerb(word, at === 0 || joiningWords.has(all[at - 1] ?? ''))),
    phrased,
  );
}

/** `Deletes`, `deletes`, `Delete` → delete. Only what a sentence begins with counts: descriptions mention other tools. */
function classOfDescription(description: string): ActionClass | undefined {
  let found: ActionClass | undefined;
  for (const [, word = ''] of description
    .slice(0, descriptionMax)
    .matchAll(/(?:^|[.!?]\s+)([A-Za-z]{2,20})/g)) {
    const lower = word.toLowerCase();
    const forms = [lower, lower.replace(/s$/, ''), lower.replace(/es$/, '')];
    found = forms.map((form) => classOfVerb(form, false)).reduce(higher, found);
  }
  return found;
}

interface Argument {
  readonly name: string;
  readonly words: readonly string[];
  readonly types: readonly string[];
}

function argumentsOf(definition: JsonObject): Argument[] {
  const schema = definition['inputSchema'];
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  if (!isJsonObject(properties)) return [];
  return Object.entries(properties)
    .slice(0, argumentsMax)
    .filter(([name]) => name.length <= 128)
    .map(([name, value]) => {
      const type = isJsonObject(value) ? value['type'] : undefined;
      const types = Array.isArray(type)
        ? type.filter((one) => typeof one === 'string')
        : typeof type === 'string'
          ? [type]
          : [];
      return { name, words: wordsOf(name), types };
    });
}

/** Verbs of tools whose thing is new, and words for what one says: an argument of that name is content. */
const creating = wordSet(
  'create add write post send draft compose insert append reply comment say publish note announce notify log record save generate submit put make upload store import',
);
const contents = wordSet(
  'message messages text body content contents comment note notes title subject description summary review reply draft data input prompt question feedback',
);

/** The argument that says what a tool's verb is done to, where it is called like the thing in the tool's name: `hotel` of `reserve_hotel`. */
function namedThing(tool: string, textual: readonly Argument[], sql: string | undefined): string | undefined {
  const [verb = '', ...nouns] = wordsOf(tool);
  if (creating.has(verb)) return undefined;
  return textual.find(
    ({ name, words }) =>
      name !== sql && words.length > 0 && words.every((word) => nouns.includes(word) && !contents.has(word)),
  )?.name;
}

function rolesOf(
  tool: string,
  given: readonly Argument[],
  action: ActionClass | undefined,
  sql: string | undefined,
): Classification['arguments'] {
  const textual = given.filter(
    ({ types }) => types.length === 0 || types.some((type) => type === 'string' || type === 'array'),
  );
  const numeric = given.filter(({ types }) =>
    types.some((type) => type === 'number' || type === 'integer' || type === 'string'),
  );
  const named = (from: readonly Argument[], ...names: string[]) =>
    names
      .map((name) => from.find((argument) => argument.words.includes(name))?.name)
      .find((name) => name !== undefined);
  // Cents and basis points are other units than the limits speak: a person says what they are.
  const amounts = numeric.filter(
    (argument) =>
      !argument.words.some((word) => ['cents', 'minor', 'bps', 'percent', 'count'].includes(word)),
  );
  const amount = named(amounts, 'amount', 'total', 'sum', 'price');
  const currency = given.find(
    (argument) => argument.words[0] === 'currency' && argument.types.includes('string'),
  )?.name;
  const destination = named(
    textual,
    'to',
    'recipient',
    'recipients',
    'payee',
    'beneficiary',
    'destination',
    'webhook',
    'url',
    'iban',
    'channel',
    'email',
    'phone',
  );
  const object =
    textual.find((argument) => argument.words.at(-1) === 'id')?.name ??
    named(textual, 'path', 'file', 'filename', 'key', 'source') ??
    (action === 'read' ? undefined : namedThing(tool, textual, sql));
  const query = named(textual, 'query', 'q', 'search', 'sql', 'pattern', 'filter');
  return {
    ...(amount === undefined || action === 'read' ? {} : { amount }),
    ...(currency === undefined || action === 'read' ? {} : { currency }),
    ...(destination === undefined || action === 'read' ? {} : { destination }),
    ...(object === undefined ? {} : { object }),
    ...(query === undefined || query === sql ? {} : { query }),
    ...(sql === undefined ? {} : { sql }),
  };
}

function sensitivityOf(texts: readonly string[]): Sensitivity {
  const present = new Set(texts.flatMap(wordsOf));
  const found = sensitiveWords.find(([, marks]) => [...present].some((word) => marks.has(word)))?.[0];
  return found ?? (sensitivities[1] as Sensitivity);
}

function inverseOf(name: string, siblings: readonly string[]): string | undefined {
  const [verb = '', ...rest] = wordsOf(name);
  return (inverses[verb] ?? []).flatMap((opposite) => {
    const wanted = [opposite, ...rest].join(' ');
    const found = siblings.find((sibling) => wordsOf(sibling).join(' ') === wanted);
    return found === undefined ? [] : [found];
  })[0];
}

export interface ClassifyFacts {
  /** What the person who registered the server said about it. */
  readonly domain: string;
  readonly outputTrust: 'trusted' | 'untrusted';
  /** Names of the other tools of the server. */
  readonly siblings: readonly string[];
  /** The least that it does, by what sends it: the method of an HTTP request. */
  readonly atLeast?: ActionClass | undefined;
}

/** The argument that is a statement in SQL, by its name, and for tools of databases also by what they call it. */
function sqlOf(name: string, given: readonly Argument[]): string | undefined {
  const textual = given.filter(({ types }) => types.length === 0 || types.includes('string'));
  const ofDatabase = wordsOf(name).some((word) => databaseWords.has(word));
  const named = (...words: string[]) =>
    textual.find((argument) => words.some((word) => argument.words.includes(word)))?.name;
  return named('sql') ?? (ofDatabase ? named('query', 'statement') : undefined);
}

/** Guesses the class of a tool; undefined when its name and what it says leave it open. */
function classOf(
  definition: JsonObject,
  trusted: boolean,
  atLeast: ActionClass | undefined,
): ActionClass | undefined {
  const text = (key: string) => (typeof definition[key] === 'string' ? definition[key] : '');
  const annotations = isJsonObject(definition['annotations']) ? definition['annotations'] : {};
  const suggested = classOfName(text('name'));
  const described = classOfDescription(text('description'));
  const harmless = trusted && annotations['readOnlyHint'] === true && annotations['destructiveHint'] !== true;
  // A trusted server may say what a silent name does not; nobody may talk a name down.
  const base = higher(suggested, atLeast) ?? (harmless ? 'read' : undefined);
  if (base === undefined) return undefined;
  const admitted: ActionClass | undefined =
    annotations['readOnlyHint'] === false || annotations['destructiveHint'] === true ? 'write' : undefined;
  const given = argumentsOf(definition);
  const takes = (marks: ReadonlySet<string>) =>
    given.some((argument) => argument.words.some((word) => marks.has(word)));
  return [
    described,
    admitted,
    takes(addressArguments) ? ('send' as const) : undefined,
    takes(executableArguments) || sqlOf(text('name'), given) !== undefined ? ('execute' as const) : undefined,
  ].reduce(higher, base);
}

/**
 * Resources and prompts are read. What a prompt says is meant to steer a model, so its text is untrusted whoever offers it, until a person says
 * otherwise.
 */
function classifyOffer(
  kind: Kind,
  name: string,
  { domain, outputTrust }: Pick<ClassifyFacts, 'domain' | 'outputTrust'>,
): Classification {
  return {
    class: 'read',
    sensitivity: sensitivityOf([name]),
    outputTrust: kind === 'prompt' ? 'untrusted' : outputTrust,
    domain,
    reversible: true,
    idempotent: true,
    writeSafe: false,
    arguments: kind === 'prompt' ? {} : { object: 'uri' },
    by: 'automatic',
  };
}

/** The automatic classification of one definition. Total and deterministic; never `writeSafe`, never a trust that the server lacks. */
export function classify(
  definition: JsonObject,
  { domain, outputTrust, siblings, atLeast }: ClassifyFacts,
): Classification {
  const name = typeof definition['name'] === 'string' ? definition['name'] : '';
  if (kindOf(name) !== 'tool') return classifyOffer(kindOf(name), name, { domain, outputTrust });
  const annotations = isJsonObject(definition['annotations']) ? definition['annotations'] : {};
  const trusted = outputTrust === 'trusted';
  const action = classOf(definition, trusted, atLeast);
  const given = argumentsOf(definition);
  const reads = action === 'read';
  const inverse = reads ? undefined : inverseOf(name, siblings);
  return {
    ...(action === undefined ? {} : { class: action }),
    sensitivity: sensitivityOf([name, ...given.map((argument) => argument.name)]),
    outputTrust,
    domain,
    reversible: reads || inverse !== undefined,
    ...(inverse === undefined ? {} : { inverse }),
    idempotent: reads || (trusted && annotations['idempotentHint'] === true),
    writeSafe: false,
    arguments: rolesOf(name, given, action, sqlOf(name, given)),
    by: 'automatic',
  };
}
