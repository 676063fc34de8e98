/** Says aloud that the policy folder of a start is not what is in force: it never is, once there is a version. */
import type { ResponseOf } from '@atf/core/wire/api';
import { type Output, style } from './output.ts';

export function notePolicyFolder(out: Output, { version, folder }: ResponseOf<'policy.show'>): void {
  const { differs, fault } = folder;
  if (fault !== undefined)
    out.note`${style('yellow', 'The policy folder that control was started with cannot be read:')} ${fault}`;
  if (differs.length > 0)
    out.note`${style('yellow', `Policy version ${version} is in force. The folder that control was started with is another and does not count:`)} ${differs.join(', ')} differ. See "atf policy plan DIR", then "atf policy apply DIR".`;
}
