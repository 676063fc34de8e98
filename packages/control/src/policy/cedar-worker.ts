/**
 * Room: policy (S-1). The thread in which Cedar's wasm runs. It answers each request once and knows nothing else; limits,
 * timeouts and its replacement are the business of `cedar.ts`.
 */
import { parentPort } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest } from './cedar-messages.ts';
import { runTask } from './cedar-text.ts';

if (parentPort === null) throw new Error('cedar-worker runs only as a worker thread');
const port = parentPort;

port.on('message', ({ sequence, task }: WorkerRequest) => {
  const reply: WorkerReply = { sequence, answer: runTask(task) };
  port.postMessage(reply);
});
