/** Tells the story: what was tried, what happened, why, how long it took; and holds that what had to happen did. */
import { Output } from '@atf/cli/output';
import { untrusted } from '@atf/cli/untrusted';

/** Something of the story did not happen. */
export class StoryBroken extends Error {}

export class Narrator {
  readonly out = new Output({
    json: false,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
  });
  private chapters = 0;
  held = 0;

  chapter(title: string): void {
    this.chapters += 1;
    this.out.say``;
    this.out.say`${{ style: 'bold', text: `${this.chapters}. ${untrusted(title)}` }}`;
  }

  /** What happens now, in a plain sentence. */
  tell(text: string): void {
    this.out.say`   ${text}`;
  }

  /** A measured time, with what it is. */
  measured(what: string, ms: number): void {
    this.out.say`   ${what}: ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  }

  /** The gateway's own words, as the agent reads them. */
  quote(text: string): void {
    this.out.block(text);
  }

  /** Holds a fact of the story. @throws StoryBroken when it is not so */
  holds(fact: boolean, what: string, otherwise?: unknown): void {
    if (!fact)
      throw new StoryBroken(
        otherwise === undefined
          ? what
          : `${what} – but: ${JSON.stringify(otherwise)?.slice(0, 2_000) ?? 'nothing'}`,
      );
    this.held += 1;
    this.out.say`   ${{ style: 'green', text: '✓' }} ${what}`;
  }
}
