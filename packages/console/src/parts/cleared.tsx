/**
 * What stands under a change that was refused for want of clearance: the person who answers for security clears and makes it in one step, present.
 * Others read who can.
 */
import type { ClearedOperation } from '@atf/core/wire/api';
import type { CallInput } from '@atf/sdk/client';
import { call } from '../control/client.ts';
import { isRefusal } from '../control/fault.ts';
import { FaultNote } from './panel.tsx';
import { Presence } from './presence.tsx';

interface ClearedProps<K extends ClearedOperation> {
  readonly error: unknown;
  readonly operation: K;
  /** Exactly the request that was refused. */
  readonly input: CallInput<K> | undefined;
  readonly verb: string;
  /** Makes exactly this request, with its clearance. */
  readonly again: (input: CallInput<K> & { readonly clearance: string }) => Promise<unknown>;
}

export function ClearedFault<K extends ClearedOperation>(props: ClearedProps<K>) {
  const { error, operation, input, verb, again } = props;
  if (input === undefined || !isRefusal(error, 'people.clearance_required'))
    return <FaultNote error={error} />;
  const { params = {}, body } = input as { params?: Record<string, string>; body?: unknown };
  const asked = { id: '', shownDigest: '' };
  return (
    <div className="space-y-3">
      <p className="text-ink-2">
        People have passkeys or passphrases here, so a person who answers for security confirms this. If that
        is somebody else, use the command line: it hands the request over and waits.
      </p>
      <Presence
        verb={verb}
        says="This makes exactly the change that you asked for, once."
        subject={async () => {
          const more = body === undefined ? {} : { body };
          Object.assign(asked, await call('clearances.ask', { body: { operation, params, ...more } }));
          return { kind: 'clearance', id: asked.id, digest: asked.shownDigest };
        }}
        onToken={async (presence) => {
          const { id, shownDigest } = asked;
          await call('clearances.grant', { params: { id }, body: { shownDigest, presence } });
          await again({ ...input, clearance: id });
        }}
      />
    </div>
  );
}
