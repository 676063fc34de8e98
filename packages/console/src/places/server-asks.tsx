/** What a tool server may ask the agent's side for while a call runs (MCP), and the form in which an administrator says so. */
import type { Server } from '@atf/core/wire/api';
import { type AskKind, askKinds } from '@atf/core/wire/words';
import { type FormEvent, useState } from 'react';
import { useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { ClearedFault } from '../parts/cleared.tsx';
import { CheckField } from '../parts/field.tsx';

const said: Record<AskKind, { readonly label: string; readonly hint: string }> = {
  elicitation: { label: 'Elicitation', hint: 'Words of the agent’s person, in a form.' },
  sampling: { label: 'Sampling', hint: 'Words of the agent’s model.' },
  roots: { label: 'Roots', hint: 'Names of the agent’s folders.' },
};

/** Only servers that speak MCP ask for anything. */
const speaksMcp = ({ transport: { kind } }: Server): boolean => kind === 'stdio' || kind === 'http';

export function ServerAsks({ server }: { readonly server: Server }) {
  /** What a person has ticked and not saved yet; absent while the form is closed. */
  const [form, setForm] = useState<readonly AskKind[]>();
  const change = useChange('servers.mayAsk', ['servers.list']);
  if (!speaksMcp(server)) return null;
  const close = () => {
    setForm(undefined);
    change.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const mayAsk = askKinds.filter((kind) => form?.includes(kind));
    change.mutate({ params: { name: server.name }, body: { mayAsk } }, { onSuccess: close });
  };
  const allowed = server.mayAsk.length === 0 ? 'nothing' : server.mayAsk.join(', ');
  if (form === undefined)
    return (
      <p className="mt-1 flex items-center gap-2 text-xs text-ink-2">
        <span className="flex-1">may ask agents for {allowed}</span>
        <Button
          look="quiet"
          onClick={() => setForm(server.mayAsk)}
          aria-label={`Change what ${server.name} may ask for`}
        >
          Change
        </Button>
      </p>
    );
  return (
    <div className="mt-3 space-y-3 border-t border-line pt-3">
      <form onSubmit={submit} className="space-y-3">
        <fieldset className="space-y-2">
          <legend className="mb-1 text-xs font-medium text-ink-2">
            What {server.name} may ask agents for while their calls run
          </legend>
          {askKinds.map((kind) => (
            <CheckField
              key={kind}
              {...said[kind]}
              checked={form.includes(kind)}
              onChange={({ target }) =>
                setForm(target.checked ? [...form, kind] : form.filter((one) => one !== kind))
              }
            />
          ))}
        </fieldset>
        <p className="text-xs text-ink-3">
          It counts from the next call. Question and answer of each are on record, sealed.
        </p>
        <div className="flex gap-2">
          <Button type="submit" look="primary" busy={change.isPending}>
            Save
          </Button>
          <Button onClick={close}>Leave it as it is</Button>
        </div>
      </form>
      {change.error !== null && (
        <ClearedFault
          error={change.error}
          operation="servers.mayAsk"
          input={change.variables}
          verb="Clear and save"
          again={async (input) => {
            await change.mutateAsync(input);
            close();
          }}
        />
      )}
    </div>
  );
}
