/** One tool: has it changed, how is it classified, what does its server say it is? */
import type { Tool } from '@atf/core/wire/api';
import { actionClasses, outputTrusts, sensitivities } from '@atf/core/wire/words';
import { Link, useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { CheckField, SelectField, TextField } from '../parts/field.tsx';
import { Icon } from '../parts/icons.tsx';
import { StateMark } from '../parts/outcome.tsx';
import { FaultNote, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime } from '../parts/time.tsx';
import { Untrusted, UntrustedText } from '../parts/untrusted.tsx';
import { useStop } from '../shell/stop-dialog.tsx';

const makesOld = ['tools.list', 'tools.show', 'agents.rights', 'overview'] as const;

export function ToolPage() {
  const { server, name } = useParams({ from: '/shell/tools/$server/$name' });
  const tool = useAnswer('tools.show', { params: { server, name } });
  const stop = useStop();
  const data = tool.data;
  return (
    <Page
      title={`${server}/${name}`}
      above={
        <Link to="/tools" className="hover:underline">
          Tools
        </Link>
      }
      sub={
        data === undefined ? undefined : (
          <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
            <StateMark state={data.state} />
            <span>
              {data.classification.class === undefined
                ? 'unclassified, counts as admin'
                : `class ${data.effectiveClass}`}
            </span>
          </span>
        )
      }
      actions={
        <Button look="danger-outline" onClick={() => stop.open({ kind: 'tool', id: `${server}/${name}` })}>
          <Icon name="stopped" /> Stop this tool…
        </Button>
      }
    >
      <Shown answer={tool} lines={12}>
        {(found) => (
          <div className="space-y-4">
            {(found.diff.length > 0 || found.state === 'quarantined') && <QuarantinePanel tool={found} />}
            <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
              <ClassificationPanel tool={found} />
              <DefinitionPanel tool={found} />
            </div>
          </div>
        )}
      </Shown>
    </Page>
  );
}

/** The difference between what a person accepted and what the server offers now; both sides are the server's words. */
function QuarantinePanel({ tool }: { readonly tool: Tool }) {
  const accept = useChange('tools.accept', makesOld);
  const digest = tool.offeredDigest ?? tool.definitionDigest;
  return (
    <Panel
      title="In quarantine: calls are refused until a person accepts"
      aside={tool.why}
      flush
      className="border-(--outcome-waiting)"
    >
      {tool.diff.length === 0 && (
        <p className="px-4 py-3 text-ink-2">
          The tool is new; nothing was accepted before. Read its definition below.
        </p>
      )}
      {tool.diff.length > 0 && (
        <>
          <p className="border-b border-line px-4 py-1.5 text-xs text-ink-3">
            Claimed by the tool server {tool.server}
          </p>
          <ul>
            {tool.diff.map((line) => (
              <li key={line.path} className="border-b border-line px-4 py-2 last:border-b-0">
                <p className="mb-1 font-mono text-xs text-ink-2">
                  <UntrustedText text={line.path} />
                </p>
                <div className="grid grid-cols-1 gap-1.5 lg:grid-cols-2">
                  <DiffSide sign="−" name="Accepted" text={line.accepted} look="bg-danger-soft" />
                  <DiffSide sign="+" name="Offered now" text={line.offered} look="bg-good-soft" />
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
      <div className="flex flex-wrap items-center justify-between gap-3 border-t border-line px-4 py-3">
        <p className="min-w-0 flex-1 basis-64 text-ink-2">
          Accepting lets agents call the offered definition{' '}
          <ShortId id={digest} what="digest of the offered definition" />. Not accepting keeps it refused.
        </p>
        <Button
          look="primary"
          busy={accept.isPending}
          onClick={() =>
            accept.mutate({ params: { server: tool.server, name: tool.name }, body: { digest } })
          }
        >
          Accept this definition
        </Button>
        {accept.error !== null && (
          <div className="w-full">
            <FaultNote error={accept.error} />
          </div>
        )}
      </div>
    </Panel>
  );
}

interface SideProps {
  readonly sign: string;
  readonly name: string;
  readonly text: string | undefined;
  readonly look: string;
}

function DiffSide({ sign, name, text, look }: SideProps) {
  return (
    <div className={`rounded border border-line px-2 py-1 ${text === undefined ? '' : look}`}>
      <p className="text-xs text-ink-2">
        <span aria-hidden="true" className="font-mono">
          {sign}
        </span>{' '}
        {name}
      </p>
      {text === undefined ? (
        <p className="text-ink-3">absent</p>
      ) : (
        <p className="font-mono text-xs">
          <UntrustedText text={text} />
        </p>
      )}
    </div>
  );
}

const argumentRoles = [
  { key: 'amount', name: 'Amount' },
  { key: 'currency', name: 'Currency' },
  { key: 'destination', name: 'Destination' },
  { key: 'object', name: 'Object' },
  { key: 'query', name: 'Query' },
] as const;

const optionsOf = (words: readonly string[]) => words.map((value) => ({ value, text: value }));

function ClassificationPanel({ tool }: { readonly tool: Tool }) {
  const { classification } = tool;
  const [form, setForm] = useState<Tool['classification']>();
  const classify = useChange('tools.classify', makesOld);
  const shown = form ?? classification;
  const set = (part: Partial<Tool['classification']>) => setForm({ ...shown, ...part });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { by: _, ...body } = shown;
    classify.mutate(
      { params: { server: tool.server, name: tool.name }, body },
      { onSuccess: () => setForm(undefined) },
    );
  };
  return (
    <Panel
      title="Classification"
      aside={
        classification.by === 'person'
          ? 'corrected by a person'
          : 'automatic, from name, schema and annotations'
      }
    >
      <form onSubmit={submit} className="space-y-4">
        <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
          <SelectField
            label="Class"
            required
            value={shown.class ?? ''}
            onChange={(event) => set({ class: event.target.value as (typeof actionClasses)[number] })}
            options={[
              ...(shown.class === undefined ? [{ value: '', text: 'unclassified, counts as admin' }] : []),
              ...optionsOf(actionClasses),
            ]}
          />
          <SelectField
            label="Sensitivity"
            value={shown.sensitivity}
            onChange={(event) => set({ sensitivity: event.target.value as typeof shown.sensitivity })}
            options={optionsOf(sensitivities)}
          />
          <SelectField
            label="Trust of its output"
            value={shown.outputTrust}
            onChange={(event) => set({ outputTrust: event.target.value as typeof shown.outputTrust })}
            options={optionsOf(outputTrusts)}
          />
          <TextField
            label="Domain"
            required
            maxLength={64}
            value={shown.domain}
            onChange={(event) => set({ domain: event.target.value })}
          />
        </div>
        <fieldset className="space-y-2">
          <legend className="mb-1 text-xs font-medium text-ink-2">What it does to the world</legend>
          <CheckField
            label="It can be undone"
            checked={shown.reversible}
            onChange={(event) => set({ reversible: event.target.checked })}
          />
          <CheckField
            label="Repeating it does no harm"
            checked={shown.idempotent}
            onChange={(event) => set({ idempotent: event.target.checked })}
          />
          <CheckField
            label="Write-safe"
            hint="Fit to be written by an agent alone: limits are set and it can be undone or repeated."
            checked={shown.writeSafe}
            onChange={(event) => set({ writeSafe: event.target.checked })}
          />
        </fieldset>
        <fieldset>
          <legend className="mb-1 text-xs font-medium text-ink-2">Which argument is what</legend>
          <div className="grid grid-cols-2 gap-3 sm:grid-cols-3">
            {argumentRoles.map(({ key, name }) => (
              <TextField
                key={key}
                label={name}
                maxLength={128}
                placeholder="none"
                value={shown.arguments[key] ?? ''}
                onChange={(event) => {
                  const { [key]: _, ...rest } = shown.arguments;
                  set({
                    arguments: event.target.value === '' ? rest : { ...rest, [key]: event.target.value },
                  });
                }}
              />
            ))}
            <TextField
              label="Undone by"
              maxLength={128}
              placeholder="no tool"
              value={shown.inverse ?? ''}
              onChange={(event) => {
                const { inverse: _, ...rest } = shown;
                setForm(event.target.value === '' ? rest : { ...rest, inverse: event.target.value });
              }}
            />
          </div>
        </fieldset>
        {classify.error !== null && <FaultNote error={classify.error} />}
        <div className="flex gap-2">
          <Button type="submit" look="primary" busy={classify.isPending} disabled={form === undefined}>
            Save the correction
          </Button>
          {form !== undefined && <Button onClick={() => setForm(undefined)}>Undo my changes</Button>}
        </div>
      </form>
    </Panel>
  );
}

function DefinitionPanel({ tool }: { readonly tool: Tool }) {
  const { description, title } = tool.definition;
  return (
    <Panel title="Accepted definition">
      <div className="space-y-3">
        <Facts
          facts={[
            { name: 'Digest', value: <ShortId id={tool.definitionDigest} what="digest of the definition" /> },
            { name: 'Updated', value: <ExactTime at={tool.updatedAt} /> },
            ...(typeof title === 'string' ? [{ name: 'Title', value: <UntrustedText text={title} /> }] : []),
          ]}
        />
        {typeof description === 'string' && (
          <Untrusted text={description} by={`the tool server ${tool.server}`} />
        )}
        <details>
          <summary className="text-ink-2">The whole definition</summary>
          <div className="mt-2">
            <Untrusted
              text={JSON.stringify(tool.definition, null, 2)}
              by={`the tool server ${tool.server}`}
              mono
            />
          </div>
        </details>
      </div>
    </Panel>
  );
}
