/** One tool: has it changed, how is it classified, what does its server say it is? */
import type { Tool } from '@atf/core/wire/api';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { Icon } from '../parts/icons.tsx';
import { StateMark } from '../parts/outcome.tsx';
import { ClearedFault } from '../parts/cleared.tsx';
import { Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime } from '../parts/time.tsx';
import { Untrusted, UntrustedText } from '../parts/untrusted.tsx';
import { useStop } from '../shell/stop-dialog.tsx';
import { ClassificationPanel, toolMakesOld } from './tool-classification.tsx';

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
            {!data.reviewed && <span>never reviewed by a person</span>}
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
            {found.findings.length > 0 && <FindingsPanel findings={found.findings} />}
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
  const accept = useChange('tools.accept', toolMakesOld);
  const severe = tool.findings.filter(({ severity }) => severity === 'severe').map(({ name }) => name);
  const digest = tool.offeredDigest ?? tool.definitionDigest;
  /** The definition of which a person said that they know what was found in it. */
  const [knownDigest, setKnownDigest] = useState<string>();
  const known = knownDigest === digest;
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
      {tool.concerns !== undefined && <Concerns concerns={tool.concerns} />}
      {severe.length > 0 && (
        <label className="flex items-start gap-2 border-t border-line px-4 py-3">
          <input
            type="checkbox"
            className="mt-1"
            checked={known}
            onChange={({ target }) => setKnownDigest(target.checked ? digest : undefined)}
          />
          <span>
            I know what was found in it and accept it all the same: <strong>{severe.join(', ')}</strong>
          </span>
        </label>
      )}
      <div className="flex flex-wrap items-center justify-between gap-3 border-t border-line px-4 py-3">
        <p className="min-w-0 flex-1 basis-64 text-ink-2">
          Accepting lets agents call the offered definition{' '}
          <ShortId id={digest} what="digest of the offered definition" />. Not accepting keeps it refused.
        </p>
        <Button
          look="primary"
          busy={accept.isPending}
          disabled={severe.length > 0 && !known}
          onClick={() =>
            accept.mutate({
              params: { server: tool.server, name: tool.name },
              body: { digest, acknowledged: severe },
            })
          }
        >
          Accept this definition
        </Button>
        {accept.error !== null && (
          <div className="w-full">
            <ClearedFault
              error={accept.error}
              operation="tools.accept"
              input={accept.variables}
              verb="Clear and accept"
              again={(input) => accept.mutateAsync(input)}
            />
          </div>
        )}
      </div>
    </Panel>
  );
}

/** Policies in force that count on another type of an argument than the definition on offer has. */
function Concerns({ concerns }: { readonly concerns: NonNullable<Tool['concerns']> }) {
  return (
    <div className="border-t border-line px-4 py-3">
      <p className="mb-1">
        {concerns.every(({ fits }) => fits)
          ? 'Policies in force name arguments that change; they were checked against this definition, too.'
          : 'Policies in force count on arguments that change. Correct and apply them first: until then this definition is not accepted.'}
      </p>
      <ul className="space-y-1 text-ink-2">
        {concerns.map(({ policy, at, argument, before, after }) => (
          <li key={`${policy} ${argument}`}>
            <span className="font-mono text-xs">
              {at} {policy}
            </span>
            : <UntrustedText text={argument} /> is {before}, and would be {after}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Words of ATF; what the server wrote stands in the definition. */
function FindingsPanel({ findings }: { readonly findings: Tool['findings'] }) {
  return (
    <Panel title="Found in its definition" flush>
      <ul>
        {findings.map(({ name, severity, path, says, acknowledged }) => (
          <li key={name} className="border-b border-line px-4 py-2 last:border-b-0">
            <p>
              <strong>{name}</strong> ({severity}
              {acknowledged ? ', accepted by somebody who knew' : ''}): {says}
            </p>
            <p className="font-mono text-xs text-ink-2">
              <UntrustedText text={path} />
            </p>
          </li>
        ))}
      </ul>
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
