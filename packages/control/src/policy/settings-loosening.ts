/** Room: policy (S-2, S-3). Which figures of the settings became laxer: longer lives, more calls, fewer people, records that are less durable. */
import { actionClasses, levels } from '@atf/core/wire/words';
import type { Settings } from './settings.ts';

/** One plain sentence each. */
export function looserSettings(before: Settings, after: Settings): string[] {
  const says: string[] = [];
  const more = (name: string, was: number, is: number) => {
    if (is > was) says.push(`settings ${name}: ${was} becomes ${is}`);
  };
  for (const level of levels) {
    more(`tokenSeconds.${level}`, before.tokenSeconds[level], after.tokenSeconds[level]);
    const [was, is] = [before.callsDefault[level], after.callsDefault[level]];
    // As many at once, or as many in the long run.
    if (is.max > was.max || is.max * was.perSeconds > was.max * is.perSeconds)
      says.push(
        `settings callsDefault.${level}: ${was.max} calls in ${was.perSeconds} s become ${is.max} in ${is.perSeconds} s`,
      );
  }
  more('approvalSeconds', before.approvalSeconds, after.approvalSeconds);
  for (const action of actionClasses) {
    if (before.fourEyes.includes(action) && !after.fourEyes.includes(action))
      says.push(`settings fourEyes: ${action} is no longer in it`);
    if (!before.ownersMayApprove.includes(action) && after.ownersMayApprove.includes(action))
      says.push(`settings ownersMayApprove: ${action} is new in it`);
    if (before.replicated.includes(action) && !after.replicated.includes(action))
      says.push(`settings replicated: ${action} is no longer in it`);
  }
  return says;
}
