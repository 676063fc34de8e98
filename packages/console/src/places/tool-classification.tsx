/** How a tool is classified, and the form in which a person corrects it. */
import type { Tool } from '@atf/core/wire/api';
import { dialects } from '@atf/core/wire/database';
import { actionClasses, outputTrusts, sensitivities } from '@atf/core/wire/words';
import { type FormEvent, useState } from 'react';
import { useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { CheckField, SelectField, TextField } from '../parts/field.tsx';
import { ClearedFault } from '../parts/cleared.tsx';
import { Panel } from '../parts/panel.tsx';

/** What a change of a tool makes old. */
export const toolMakesOld = ['tools.list', 'tools.show', 'agents.rights', 'overview'] as const;

type Classification = Tool['classification'];

interface FieldsProps {
  readonly shown: Classification;
  readonly set: (next: Classification) => void;
}

const optionsOf = (words: readonly string[]) => words.map((value) => ({ value, text: value }));
const legendClass = 'mb-1 text-xs font-medium text-ink-2';

function KindFields({ shown, set }: FieldsProps) {
  return (
    <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
      <SelectField
        label="Class"
        required
        value={shown.class ?? ''}
        onChange={(event) => set({ ...shown, class: event.target.value as (typeof actionClasses)[number] })}
        options={[
          ...(shown.class === undefined ? [{ value: '', text: 'unclassified, counts as admin' }] : []),
          ...optionsOf(actionClasses),
        ]}
      />
      <SelectField
        label="Sensitivity"
        value={shown.sensitivity}
        onChange={(event) => set({ ...shown, sensitivity: event.target.value as typeof shown.sensitivity })}
        options={optionsOf(sensitivities)}
      />
      <SelectField
        label="Trust of its output"
        value={shown.outputTrust}
        onChange={(event) => set({ ...shown, outputTrust: event.target.value as typeof shown.outputTrust })}
        options={optionsOf(outputTrusts)}
      />
      <TextField
        label="Domain"
        required
        maxLength={64}
        value={shown.domain}
        onChange={(event) => set({ ...shown, domain: event.target.value })}
      />
    </div>
  );
}

const effects = [
  { key: 'reversible', label: 'It can be undone', hint: undefined },
  { key: 'idempotent', label: 'Repeating it does no harm', hint: undefined },
  {
    key: 'writeSafe',
    label: 'Write-safe',
    hint: 'Fit to be written by an agent alone: limits are set and it can be undone or repeated.',
  },
  {
    key: 'memory',
    label: 'Memory',
    hint: 'Keeps what agents read later: what is written is looked at for orders and repetition.',
  },
] as const;

function EffectFields({ shown, set }: FieldsProps) {
  return (
    <fieldset className="space-y-2">
      <legend className={legendClass}>What it does to the world</legend>
      {effects.map(({ key, label, hint }) => (
        <CheckField
          key={key}
          label={label}
          hint={hint}
          checked={shown[key] === true}
          onChange={(event) => set({ ...shown, [key]: event.target.checked })}
        />
      ))}
    </fieldset>
  );
}

const argumentRoles = [
  { key: 'amount', name: 'Amount' },
  { key: 'currency', name: 'Currency' },
  { key: 'destination', name: 'Destination' },
  { key: 'object', name: 'Object' },
  { key: 'query', name: 'Query' },
  { key: 'sql', name: 'SQL' },
] as const;

function ArgumentFields({ shown, set }: FieldsProps) {
  return (
    <fieldset>
      <legend className={legendClass}>Which argument is what</legend>
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-3">
        {argumentRoles.map(({ key, name }) => (
          <TextField
            key={key}
            label={name}
            maxLength={128}
            placeholder="none"
            value={shown.arguments[key] ?? ''}
            onChange={({ target }) => {
              const { [key]: _, ...rest } = shown.arguments;
              set({ ...shown, arguments: target.value === '' ? rest : { ...rest, [key]: target.value } });
            }}
          />
        ))}
        <TextField
          label="Undone by"
          maxLength={128}
          placeholder="no tool"
          value={shown.inverse ?? ''}
          onChange={({ target }) => {
            const { inverse: _, ...rest } = shown;
            set(target.value === '' ? rest : { ...rest, inverse: target.value });
          }}
        />
      </div>
    </fieldset>
  );
}

/** Which database reads the SQL: what it reads differently from others decides what can be governed. */
function DatabaseFields({ shown, set }: FieldsProps) {
  const { database } = shown;
  return (
    <fieldset>
      <legend className={legendClass}>Which database reads its SQL</legend>
      <div className="grid grid-cols-2 gap-3">
        <SelectField
          label="Dialect"
          value={database?.dialect ?? ''}
          onChange={({ target }) => {
            const { database: before, ...rest } = shown;
            const dialect = dialects.find((each) => each === target.value);
            set(dialect === undefined ? rest : { ...rest, database: { ...before, dialect } });
          }}
          options={[{ value: '', text: 'not said: every call is refused' }, ...optionsOf(dialects)]}
        />
        {database !== undefined && (
          <TextField
            label="Schema of bare names"
            maxLength={63}
            placeholder="none"
            value={database.schema ?? ''}
            onChange={({ target }) => {
              const { schema: _, ...rest } = database;
              set({ ...shown, database: target.value === '' ? rest : { ...rest, schema: target.value } });
            }}
          />
        )}
      </div>
    </fieldset>
  );
}

export function ClassificationPanel({ tool }: { readonly tool: Tool }) {
  const { classification, server, name } = tool;
  /** What a person has changed and not saved yet; news from control does not overwrite it. */
  const [form, setForm] = useState<Classification>();
  const classify = useChange('tools.classify', toolMakesOld);
  const shown = form ?? classification;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { by: _, ...body } = shown;
    classify.mutate({ params: { server, name }, body }, { onSuccess: () => setForm(undefined) });
  };
  const by =
    classification.by === 'person' ? 'corrected by a person' : 'automatic, from name, schema and annotations';
  return (
    <Panel title="Classification" aside={by}>
      <form onSubmit={submit} className="space-y-4">
        <KindFields shown={shown} set={setForm} />
        <EffectFields shown={shown} set={setForm} />
        <ArgumentFields shown={shown} set={setForm} />
        {shown.arguments.sql !== undefined && <DatabaseFields shown={shown} set={setForm} />}
        {shown.outputSchema !== undefined && (
          <details className="text-sm">
            <summary className="cursor-pointer">Its results must fit a registered schema</summary>
            <pre className="mt-2 font-mono text-xs break-all whitespace-pre-wrap">
              {JSON.stringify(shown.outputSchema, undefined, 2)}
            </pre>
          </details>
        )}
        <div className="flex gap-2">
          <Button type="submit" look="primary" busy={classify.isPending} disabled={form === undefined}>
            Save the correction
          </Button>
          {form !== undefined && <Button onClick={() => setForm(undefined)}>Undo my changes</Button>}
        </div>
      </form>
      {classify.error !== null && (
        <div className="mt-4">
          <ClearedFault
            error={classify.error}
            operation="tools.classify"
            input={classify.variables}
            verb="Clear and save"
            again={async (input) => {
              await classify.mutateAsync(input);
              setForm(undefined);
            }}
          />
        </div>
      )}
    </Panel>
  );
}
