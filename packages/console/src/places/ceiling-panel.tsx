/** The temporary ceiling on an agent's level: what it does, and, with presence, another one or none. Only security raises or lifts it. */
import { type Agent, ceilingShownText, type CeilingWord, type Person } from '@atf/core/wire/api';
import { levels } from '@atf/core/wire/words';
import { useState } from 'react';
import { boundDigestOf } from '../control/digest.ts';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { levelNames } from '../parts/level.tsx';
import { Panel } from '../parts/panel.tsx';
import { Presence } from '../parts/presence.tsx';

interface Choice {
  readonly value: CeilingWord;
  readonly text: string;
}

/** The ceilings that this person may choose beside the one in force. */
export function ceilingChoices(
  agent: Pick<Agent, 'level' | 'ceiling'>,
  person: Person | undefined,
): Choice[] {
  const { level, ceiling } = agent;
  const security = person?.roles.includes('security') === true;
  const highest = ceiling === undefined || security ? levels.length : levels.indexOf(ceiling);
  const others = levels
    .filter((value, index) => index < highest && value !== ceiling)
    .map((value) => ({ value, text: `${levelNames[value]} at most` }));
  const lift = {
    value: 'none' as const,
    text: `Lift the ceiling: back at its own level (${levelNames[level]})`,
  };
  return ceiling !== undefined && security ? [...others, lift] : others;
}

export function CeilingPanel({ agent }: { readonly agent: Agent }) {
  const me = useAnswer('people.me', {});
  const [open, setOpen] = useState(false);
  const person = me.data?.person;
  const choices = ceilingChoices(agent, person);
  const may = person?.roles.some((role) => role === 'operator' || role === 'security') === true;
  if (agent.ceiling === undefined && !may) return null;
  return (
    <Panel
      title="Ceiling"
      aside={
        may && choices.length > 0 && !open ? (
          <Button onClick={() => setOpen(true)}>Change…</Button>
        ) : undefined
      }
    >
      <p>
        {agent.ceiling === undefined
          ? 'None: it works at its own level.'
          : `It works as ${levelNames[agent.ceiling]} at most, whatever it has earned (${levelNames[agent.level]}). A person who answers for security lifts it.`}
      </p>
      {open && <ChangeCeiling agent={agent} choices={choices} onDone={() => setOpen(false)} />}
    </Panel>
  );
}

interface ChangeProps {
  readonly agent: Agent;
  readonly choices: readonly Choice[];
  readonly onDone: () => void;
}

function ChangeCeiling({ agent, choices, onDone }: ChangeProps) {
  const [reason, setReason] = useState('');
  const [to, setTo] = useState<CeilingWord>();
  const change = useChange('agents.ceiling', ['agents.list', 'agents.show', 'agents.rights', 'overview']);
  const { id, manifestDigest, ceiling: from = 'none' } = agent;
  const chosen = choices.find(({ value }) => value === to);
  return (
    <div className="mt-3 space-y-3">
      <SelectField
        label="Ceiling on its level"
        value={to ?? ''}
        onChange={(event) => setTo(choices.find(({ value }) => value === event.target.value)?.value)}
        options={[
          {
            value: '',
            text: from === 'none' ? 'Leave it without one' : `Keep the ceiling it has (${levelNames[from]})`,
          },
          ...choices,
        ]}
      />
      <TextField
        label="Why"
        required
        maxLength={500}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Presence
        verb={to === 'none' ? 'Lift the ceiling' : 'Set the ceiling'}
        disabled={chosen === undefined || reason.trim() === ''}
        says={
          chosen === undefined
            ? 'Choose another ceiling first.'
            : `${agent.name} ${agent.version}: ${chosen.text}. It counts from its next call on.`
        }
        subject={async () => ({
          kind: 'level',
          id,
          digest: await boundDigestOf(
            ceilingShownText({ agentId: id, manifestDigest, from, to: to ?? from, reason }),
          ),
        })}
        onToken={async (presence) => {
          await change.mutateAsync({
            params: { id },
            body: { ceiling: to ?? from, reason: reason.trim(), presence },
          });
          onDone();
        }}
      />
    </div>
  );
}
