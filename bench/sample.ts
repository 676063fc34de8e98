/** How fast one function of this thread is: operations in a second of processor time, and single ones by wall time. */
const WARM_UP_MS = 300;
const MEASURE_MS = 1_500;
const SAMPLES_MIN = 20;

export interface Sampled {
  readonly opsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/** Processor time of this thread so far: what one core does in a second, whatever else the machine is doing. */
const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/** Throughput without a clock in the loop of fast calls (in rounds of all calls), then single calls for the quantiles. */
export const sample = <Call>(decide: (call: Call) => unknown, calls: readonly Call[]): Sampled => {
  const slow = timeOf(() => decide(calls[0] as Call)) > 2_000;
  const round = slow ? calls.slice(0, 1) : calls;
  const run = (durationMs: number, roundsMin: number): { operations: number; busyMs: number } => {
    let operations = 0;
    const started = performance.now();
    const busyBefore = threadMs();
    for (let rounds = 0; rounds < roundsMin || performance.now() - started < durationMs; rounds++) {
      for (const call of round) decide(call);
      operations += round.length;
    }
    return { operations, busyMs: threadMs() - busyBefore };
  };
  run(slow ? 0 : WARM_UP_MS, 1);
  const { operations, busyMs } = run(MEASURE_MS, slow ? 3 : 1);
  const samples: number[] = [];
  const samplingStarted = performance.now();
  for (
    let index = 0;
    samples.length < SAMPLES_MIN || performance.now() - samplingStarted < MEASURE_MS / 3;
    index++
  ) {
    const call = calls[index % calls.length] as Call;
    samples.push(timeOf(() => decide(call)));
  }
  samples.sort((left, right) => left - right);
  return {
    opsPerSecond: (operations * 1_000) / busyMs,
    p50Us: quantile(samples, 0.5),
    p99Us: quantile(samples, 0.99),
  };
};

const TURNS = 40;
const TURN_MS = 20;

/** Two ways to do the same, in many short turns, so that what else the machine does falls on both: how much less processor time the second takes. */
export const sideBySide = <Call>(
  first: (call: Call) => unknown,
  second: (call: Call) => unknown,
  calls: readonly Call[],
): { readonly timesAsFast: number; readonly ratios: readonly number[] } => {
  const perCall = (decide: (call: Call) => unknown): number => {
    const started = threadMs();
    let rounds = 0;
    for (; rounds === 0 || threadMs() - started < TURN_MS; rounds++) for (const call of calls) decide(call);
    return (threadMs() - started) / rounds;
  };
  for (const decide of [first, second]) perCall(decide);
  const ratios = Array.from({ length: TURNS }, () => perCall(first) / perCall(second)).sort((a, b) => a - b);
  return { timesAsFast: quantile(ratios, 0.5), ratios };
};

const timeOf = (action: () => unknown): number => {
  const started = performance.now();
  action();
  return (performance.now() - started) * 1_000;
};
