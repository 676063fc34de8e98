/** What changed between two texts, line by line: `-` gone, `+` new, around it what stayed. Not minimal: what begins and ends alike stays, the middle is shown whole. */

const around = 3;

export function changedLines(before: string, after: string): string {
  const [was, is] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < was.length && head < is.length && was[head] === is[head]) head += 1;
  let tail = 0;
  while (
    tail < was.length - head &&
    tail < is.length - head &&
    was[was.length - 1 - tail] === is[is.length - 1 - tail]
  )
    tail += 1;
  const marked = (mark: string, lines: readonly string[]) => lines.map((line) => `${mark} ${line}`);
  return [
    ...marked(' ', is.slice(Math.max(0, head - around), head)),
    ...marked('-', was.slice(head, was.length - tail)),
    ...marked('+', is.slice(head, is.length - tail)),
    ...marked(' ', is.slice(is.length - tail, is.length - tail + around)),
  ].join('\n');
}
