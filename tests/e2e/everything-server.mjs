/**
 * A tool server with everything that the conformance scenarios of MCP ask for, for tests. Over stdio it speaks 2025-11-25, over HTTP (`--http`)
 * 2026-07-28. A tool is a generator: what it yields it needs from the agent's side, and it goes on with the answers; in the elder revision each need is a
 * request, in the newer one a result with a state that carries the answers so far, sealed.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { appendFileSync, readFileSync, watchFile, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { jobTools } from './job-tools.mjs';

const dir = process.argv[process.argv.indexOf('--dir') + 1];
const modern = process.argv.includes('--http');
const sealKey = randomBytes(32);
const lookMs = 50;

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const embedded = (uri, mimeType, value) => ({ type: 'resource', resource: { uri, mimeType, text: value } });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const elicit = (message, properties, required = Object.keys(properties)) => ({
  method: 'elicitation/create',
  params: { message, requestedSchema: { type: 'object', properties, required } },
});
const sample = (words, maxTokens = 100) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: words } }], maxTokens },
});
const roots = { method: 'roots/list', params: {} };
const options = ['option1', 'option2', 'option3'];
const titled = options.map((each, at) => ({
  const: each.replace('option', 'value'),
  title: `Option ${at + 1}`,
}));

const passing = { tools: 'test_passing_tool', prompts: 'test_passing_prompt' };
function toggle(kind, change) {
  const now = gone();
  if (!now.delete(passing[kind])) now.add(passing[kind]);
  writeFileSync(join(dir, 'gone'), [...now].join('\n'));
  change(kind);
  return text('Changed.');
}

/** name → [what it does, its arguments, the work]. `tell` sends a notification of the call. */
const tools = {
  test_simple_text: ['Says something.', {}, () => text('This is a simple text response for testing.')],
  test_image_content: [
    'Gives an image.',
    {},
    () => ({ content: [{ type: 'image', data: png, mimeType: 'image/png' }] }),
  ],
  test_audio_content: [
    'Gives a sound.',
    {},
    () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }),
  ],
  test_embedded_resource: [
    'Gives a resource.',
    {},
    () => ({
      content: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
    }),
  ],
  test_multiple_content_types: [
    'Gives several kinds of content.',
    {},
    () => ({
      content: [
        { type: 'text', text: 'Multiple content types test:' },
        { type: 'image', data: png, mimeType: 'image/png' },
        embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
      ],
    }),
  ],
  test_tool_with_logging: [
    'Logs while it works.',
    {},
    async (_, { log }) => {
      for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        log('info', line);
        await pause(50);
      }
      return text('Logged.');
    },
  ],
  test_logging_tool: [
    'Logs while it works.',
    {},
    (_, { log }) => {
      log('info', 'at work');
      return text('Logged.');
    },
  ],
  test_tool_with_progress: [
    'Says how far it is.',
    {},
    async (_, { progress }) => {
      for (const step of [1, 50, 100]) {
        progress(step, 100);
        await pause(50);
      }
      return text('Done.');
    },
  ],
  test_error_handling: [
    'Fails.',
    {},
    () => ({ ...text('This tool intentionally returns an error for testing'), isError: true }),
  ],
  test_sampling: [
    'Asks a model.',
    { prompt: { type: 'string' } },
    function* ({ prompt }) {
      const { model } = yield { model: sample(prompt) };
      return text(`LLM response: ${model.content.text}`);
    },
  ],
  test_elicitation: [
    'Asks a person.',
    { message: { type: 'string' } },
    function* ({ message }) {
      const { person } = yield {
        person: elicit(message, { response: { type: 'string', description: 'An answer' } }),
      };
      return text(`User response: ${JSON.stringify(person)}`);
    },
  ],
  test_elicitation_sep1034_defaults: [
    'Asks a person, with defaults.',
    {},
    function* () {
      const { person } = yield {
        person: elicit(
          'Please look at these',
          {
            name: { type: 'string', default: 'John Doe' },
            age: { type: 'integer', default: 30 },
            score: { type: 'number', default: 95.5 },
            status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
            verified: { type: 'boolean', default: true },
          },
          [],
        ),
      };
      return text(
        `Elicitation completed: action=${person.action}, content=${JSON.stringify(person.content)}`,
      );
    },
  ],
  test_elicitation_sep1330_enums: [
    'Asks a person to choose.',
    {},
    function* () {
      const { person } = yield {
        person: elicit(
          'Please choose',
          {
            untitledSingle: { type: 'string', enum: options },
            titledSingle: { type: 'string', oneOf: titled },
            legacyEnum: {
              type: 'string',
              enum: ['opt1', 'opt2', 'opt3'],
              enumNames: ['Option One', 'Option Two', 'Option Three'],
            },
            untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
            titledMulti: { type: 'array', items: { anyOf: titled } },
          },
          [],
        ),
      };
      return text(
        `Elicitation completed: action=${person.action}, content=${JSON.stringify(person.content)}`,
      );
    },
  ],
  test_missing_capability: [
    'Needs a model.',
    {},
    function* (_, { offers }) {
      if (!('sampling' in offers))
        throw { code: -32021, message: 'sampling', data: { requiredCapabilities: { sampling: {} } } };
      const { model } = yield { model: sample('Hello') };
      return text(model.content.text);
    },
  ],
  test_trigger_tool_change: [
    'Takes a tool away, or gives it back.',
    {},
    (_, { change }) => toggle('tools', change),
  ],
  test_trigger_prompt_change: [
    'Takes a prompt away, or gives it back.',
    {},
    (_, { change }) => toggle('prompts', change),
  ],
  test_passing_tool: ['Comes and goes.', {}, () => text('Still here.')],
  test_streaming_elicitation: ['Says something.', {}, () => text('Nothing to ask.')],
  test_input_required_result_elicitation: [
    'Asks for a name.',
    {},
    function* () {
      const { user_name: person } = yield {
        user_name: elicit('What is your name?', { name: { type: 'string' } }),
      };
      return text(`Hello, ${person.content?.name}!`);
    },
  ],
  test_input_required_result_sampling: [
    'Asks a model.',
    {},
    function* () {
      const { capital_question: model } = yield {
        capital_question: sample('What is the capital of France?'),
      };
      return text(model.content.text);
    },
  ],
  test_input_required_result_list_roots: [
    'Asks for roots.',
    {},
    function* () {
      const { client_roots: given } = yield { client_roots: roots };
      return text(JSON.stringify(given.roots));
    },
  ],
  test_input_required_result_request_state: [
    'Asks to confirm.',
    {},
    function* () {
      yield { confirm: elicit('Please confirm', { ok: { type: 'boolean' } }) };
      return text('state-ok');
    },
  ],
  test_input_required_result_tampered_state: [
    'Asks to confirm.',
    {},
    function* () {
      yield { confirm: elicit('Please confirm', { ok: { type: 'boolean' } }) };
      return text('state-ok');
    },
  ],
  test_input_required_result_multiple_inputs: [
    'Asks for much at once.',
    {},
    function* () {
      const given = yield {
        user_name: elicit('What is your name?', { name: { type: 'string' } }),
        greeting: sample('Generate a greeting', 50),
        client_roots: roots,
      };
      return text(
        `${given.greeting.content.text} ${given.user_name.content.name}, ${given.client_roots.roots.length}`,
      );
    },
  ],
  test_input_required_result_multi_round: [
    'Asks twice.',
    {},
    function* () {
      const { step1 } = yield { step1: elicit('Step 1: What is your name?', { name: { type: 'string' } }) };
      const { step2 } = yield {
        step2: elicit('Step 2: What is your favorite color?', { color: { type: 'string' } }),
      };
      return text(`${step1.content.name} likes ${step2.content.color}`);
    },
  ],
  test_input_required_result_capabilities: [
    'Asks for what there is.',
    {},
    function* (_, { offers }) {
      const asked = {
        ...('elicitation' in offers ? { person: elicit('Who?', { name: { type: 'string' } }) } : {}),
        ...('sampling' in offers ? { model: sample('Hello') } : {}),
      };
      return text(JSON.stringify(yield asked));
    },
  ],
  ...jobTools({ text, pause, elicit }),
};
const prompts = {
  test_passing_prompt: [[], () => [said('Still here.')]],
  test_simple_prompt: [[], () => [said('This is a simple prompt for testing.')]],
  test_prompt_with_arguments: [
    ['arg1', 'arg2'],
    ({ arg1, arg2 }) => [said(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  ],
  test_prompt_with_embedded_resource: [
    ['resourceUri'],
    ({ resourceUri }) => [
      {
        role: 'user',
        content: embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.'),
      },
      said('Please process the embedded resource above.'),
    ],
  ],
  test_prompt_with_image: [
    [],
    () => [
      { role: 'user', content: { type: 'image', data: png, mimeType: 'image/png' } },
      said('Please analyze the image above.'),
    ],
  ],
  test_input_required_result_prompt: [
    [],
    function* () {
      const { user_context: person } = yield {
        user_context: elicit('What context should the prompt use?', { context: { type: 'string' } }),
      };
      return [said(`In ${person.content?.context}`)];
    },
  ],
};
const said = (value) => ({ role: 'user', content: { type: 'text', text: value } });
const resources = [
  {
    uri: 'test://static-text',
    name: 'Static Text Resource',
    description: 'A static text resource',
    mimeType: 'text/plain',
  },
  {
    uri: 'test://static-binary',
    name: 'Static Binary Resource',
    description: 'A static binary',
    mimeType: 'image/png',
  },
  {
    uri: 'test://watched-resource',
    name: 'Watched Resource',
    description: 'A resource that changes',
    mimeType: 'text/plain',
  },
];
const templates = [
  {
    uriTemplate: 'test://template/{id}/data',
    name: 'Resource Template',
    description: 'By id',
    mimeType: 'application/json',
  },
];

function read(uri) {
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: png };
  if (uri === 'test://static-text')
    return { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' };
  if (uri === 'test://watched-resource')
    return { uri, mimeType: 'text/plain', text: 'Watched resource content' };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) throw { code: modern ? -32602 : -32002, message: 'no such resource' };
  return {
    uri,
    mimeType: 'application/json',
    text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  };
}

const named = (args) => args.map((name) => ({ name, description: name, required: true }));
const schema = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });
const fileOf = (name) => {
  try {
    return readFileSync(join(dir, name), 'utf8').trim();
  } catch {
    return '';
  }
};
const gone = () => new Set(fileOf('gone').split('\n'));
const lists = {
  'tools/list': () => ({
    tools: Object.entries(tools)
      .filter(([name]) => !gone().has(name))
      .map(([name, [description, properties]]) => ({ name, description, inputSchema: schema(properties) })),
  }),
  'resources/list': () => ({ resources }),
  'resources/templates/list': () => ({ resourceTemplates: templates }),
  'prompts/list': () => ({
    prompts: Object.entries(prompts)
      .filter(([name]) => !gone().has(name))
      .map(([name, [args]]) => ({ name, description: name, arguments: named(args) })),
  }),
  'completion/complete': () => ({ completion: { values: ['paris', 'park'], total: 2, hasMore: false } }),
  'logging/setLevel': () => ({}),
  'resources/subscribe': () => ({}),
  'resources/unsubscribe': () => ({}),
  ping: () => ({}),
};

const isGenerator = (value) => typeof value?.next === 'function';
const workOf = (method, params) => {
  if (method === 'tools/call') return tools[params.name]?.[2];
  if (method === 'prompts/get') return prompts[params.name]?.[1];
  return undefined;
};
const resultOf = (method, value) => (method === 'prompts/get' ? { messages: value } : value);
const missing = { code: -32602, message: 'there is no such thing' };

/** 2025-11-25: each need is a request, and the work goes on with its answers. */
async function workElder(method, params, call, request) {
  const work = workOf(method, params);
  if (work === undefined) throw missing;
  const made = await work(params.arguments ?? {}, call);
  if (!isGenerator(made)) return resultOf(method, made);
  let step = made.next();
  while (!step.done) {
    const needed = Object.entries(step.value);
    const answers = await Promise.all(
      needed.map(async ([key, { method: asks, params: about }]) => [key, await request(asks, about)]),
    );
    step = made.next(Object.fromEntries(answers));
  }
  return resultOf(method, step.value);
}

const seal = (value) => {
  const body = Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${body}.${createHmac('sha256', sealKey).update(body).digest('base64url')}`;
};
const open = (state) => {
  const [body = '', mac = ''] = state.split('.');
  const wanted = createHmac('sha256', sealKey).update(body).digest();
  const given = Buffer.from(mac, 'base64url');
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw { code: -32602, message: 'tampered' };
  return JSON.parse(Buffer.from(body, 'base64url').toString());
};

/** 2026-07-28: from the beginning with all answers so far, to the first need that none of them meets. */
async function workModern(method, params, call) {
  const work = workOf(method, params);
  if (work === undefined) throw missing;
  const made = await work(params.arguments ?? {}, call);
  if (!isGenerator(made)) return resultOf(method, made);
  const answers = {
    ...(params.requestState === undefined ? {} : open(params.requestState)),
    ...params.inputResponses,
  };
  let step = made.next();
  while (!step.done) {
    const unmet = Object.entries(step.value).filter(([key]) => answers[key] === undefined);
    if (unmet.length > 0)
      return {
        resultType: 'input_required',
        inputRequests: Object.fromEntries(unmet),
        requestState: seal(answers),
      };
    step = made.next(answers);
  }
  return resultOf(method, step.value);
}

const capabilities = {
  tools: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
};
const keys = 'io.modelcontextprotocol/';
const callOf = (params, offers, wantsLogs, send, change) => ({
  change,
  offers,
  log: (level, data) =>
    wantsLogs &&
    send({ jsonrpc: '2.0', method: 'notifications/message', params: { level, logger: 'everything', data } }),
  progress: (progress, total) => {
    const progressToken = params._meta?.progressToken;
    if (progressToken !== undefined)
      send({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress, total } });
  },
});

async function answer(message, work, send) {
  const { id, method, params = {} } = message;
  try {
    const list = lists[method];
    const result =
      list !== undefined
        ? list()
        : method === 'resources/read'
          ? { contents: [read(params.uri)] }
          : await work(method, params);
    send({
      jsonrpc: '2.0',
      id,
      result: modern ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private', ...result } : result,
    });
  } catch (error) {
    const { code = -32603, message: words = 'no', data } = error;
    send({ jsonrpc: '2.0', id, error: { code, message: words, ...(data === undefined ? {} : { data }) } });
  }
}

const changes = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  updated: 'notifications/resources/updated',
};
const note = (entry) => appendFileSync(join(dir, 'seen.log'), `${JSON.stringify(entry)}\n`);
/** The file `change` says what changed: `tools` or `updated`. */
const onChange = (tell) =>
  watchFile(join(dir, 'change'), { interval: lookMs }, () => {
    const [what] = fileOf('change').split(' ');
    if (what in changes) tell(what, what === 'updated' ? { uri: 'test://watched-resource' } : {});
  });

function serveStdio() {
  const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  const waiting = new Map();
  let asked = 0;
  let offers = {};
  const request = (method, params) =>
    new Promise((resolve, reject) => {
      const id = `ask-${asked++}`;
      waiting.set(id, { resolve, reject });
      send({ jsonrpc: '2.0', id, method, params });
    });
  const tell = (what, params = {}) => send({ jsonrpc: '2.0', method: changes[what], params });
  onChange(tell);
  createInterface({ input: process.stdin }).on('line', (line) => {
    const message = JSON.parse(line);
    note({ message });
    const { id, method, params = {}, result, error } = message;
    if (method === undefined) {
      const open = waiting.get(id);
      waiting.delete(id);
      return error === undefined ? open?.resolve(result) : open?.reject(error);
    }
    if (id === undefined) return undefined;
    if (method === 'initialize') {
      offers = params.capabilities;
      const serverInfo = { name: 'everything', version: '1' };
      return send({
        jsonrpc: '2.0',
        id,
        result: { protocolVersion: '2025-11-25', capabilities, serverInfo },
      });
    }
    if (method === 'server/discover')
      return send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } });
    const work = (name, given) => workElder(name, given, callOf(given, offers, true, send, tell), request);
    return answer(message, work, send);
  });
  process.stdin.once('close', () => process.exit(0));
}

function serveHttp() {
  const listening = new Set();
  const tell = (what, params = {}) => {
    for (const { id, wanted, send } of listening) {
      const wants =
        what === 'updated'
          ? wanted.resourceSubscriptions?.includes(params.uri)
          : wanted[`${what}ListChanged`];
      if (wants)
        send({
          jsonrpc: '2.0',
          method: changes[what],
          params: { ...params, _meta: { [`${keys}subscriptionId`]: id } },
        });
    }
  };
  onChange(tell);
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      const message = JSON.parse(Buffer.concat(chunks).toString());
      note({ message, headers: request.headers });
      const { id, method, params = {} } = message;
      if (id === undefined) return response.writeHead(202).end();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const send = (each) => {
        if (response.writableEnded) return;
        response.write(`event: message\ndata: ${JSON.stringify(each)}\n\n`);
        if (each.id === id && each.method === undefined) response.end();
      };
      const whole = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
      if (method === 'server/discover')
        return send({
          jsonrpc: '2.0',
          id,
          result: { ...whole, supportedVersions: ['2026-07-28'], capabilities },
        });
      if (method === 'subscriptions/listen') {
        const listener = { id, wanted: params.notifications, send };
        listening.add(listener);
        response.once('close', () => listening.delete(listener));
        const _meta = { [`${keys}subscriptionId`]: id };
        const acknowledged = 'notifications/subscriptions/acknowledged';
        return send({
          jsonrpc: '2.0',
          method: acknowledged,
          params: { notifications: params.notifications, _meta },
        });
      }
      const meta = params._meta ?? {};
      const call = callOf(
        params,
        meta[`${keys}clientCapabilities`] ?? {},
        meta[`${keys}logLevel`] !== undefined,
        send,
        tell,
      );
      return answer(message, (name, given) => workModern(name, given, call), send);
    });
  });
  server.listen(0, '127.0.0.1', () => writeFileSync(join(dir, 'port'), String(server.address().port)));
}

if (modern) serveHttp();
else serveStdio();
