/** `server/tool` as people type it. */
import { toolRefSchema } from '@atf/core/wire/words';
import { CliFailure, exitCodes } from './exit-codes.ts';

/** @throws CliFailure (usage) when it is not `server/tool` */
export function toolOf(ref: string): { readonly server: string; readonly name: string } {
  if (!toolRefSchema.safeParse(ref).success) {
    throw new CliFailure(exitCodes.usage, `Not a tool: ${ref}`, {
      help: 'Name it as server/tool, for example back-office/create_refund.',
    });
  }
  const slash = ref.indexOf('/');
  return { server: ref.slice(0, slash), name: ref.slice(slash + 1) };
}
