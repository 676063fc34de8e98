/** Which rights are dangerous together, drawn and in words, and what would end it. */
import { rightName } from '@atf/core/segmentation/composition/right-name';
import type { PolicyAnalysis, PolicyFinding } from '@atf/core/wire/policy-analysis';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useAnswer } from '../control/queries.ts';
import { SelectField } from '../parts/field.tsx';
import { Empty, Page, Panel, Shown } from '../parts/panel.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';
import { ToolLink } from '../parts/rights-table.tsx';
import { CombinationDrawing } from './combination-drawing.tsx';

export const kindWords: Readonly<Record<PolicyFinding['kind'], string>> = {
  trifecta: 'Private data, untrusted text and a way out',
  leak: 'Private data and a way out',
  hijack: 'Untrusted text and harm',
  leak_across: 'Private data and a way out, across agents',
  hijack_across: 'Untrusted text and harm, across agents',
};
const throughs = [
  { value: 'task', text: 'Alone, or with a task' },
  { value: 'alone', text: 'Only what takes nobody' },
  { value: 'person', text: 'Also what a person approves' },
] as const;
const freedomWords = {
  alone: 'alone',
  task: 'when a task asks for it',
  person: 'after a person approves',
  never: 'never',
} as const;

export function Combinations() {
  const search = useSearch({ from: '/shell/policy/combinations' });
  const navigate = useNavigate({ from: '/policy/combinations' });
  const agents = useAnswer('agents.list', {});
  const { agent, through, finding } = search;
  const query = {
    ...(agent === undefined ? {} : { agent }),
    ...(through === undefined ? {} : { through }),
  };
  const analysis = useAnswer('policy.analysis', { query });
  const set = (part: Partial<Record<keyof typeof search, string | undefined>>) =>
    void navigate({ search: (old) => ({ ...old, ...part }) as typeof search, replace: true });
  const names = agents.data?.items.map(({ name }) => name) ?? [];
  const known = agent === undefined || names.includes(agent) ? names : [agent, ...names];
  return (
    <Page
      title="Combinations"
      above={
        <Link to="/policy" className="hover:underline">
          Policy
        </Link>
      }
      sub="Rights that are harmless alone and dangerous together, as every right would be decided now."
    >
      <div className="mb-3 grid grid-cols-1 gap-2 sm:flex">
        <div className="sm:w-56">
          <SelectField
            label="Agent"
            bare
            value={agent ?? ''}
            onChange={(event) => set({ agent: event.target.value || undefined, finding: undefined })}
            options={[{ value: '', text: 'All agents' }, ...known.map((value) => ({ value, text: value }))]}
          />
        </div>
        <div className="sm:w-64">
          <SelectField
            label="What counts"
            bare
            value={through ?? 'task'}
            onChange={(event) => set({ through: event.target.value, finding: undefined })}
            options={throughs.map((each) => ({ ...each }))}
          />
        </div>
      </div>
      <Shown answer={analysis} lines={8}>
        {(found) => <Found found={found} chosen={finding} choose={(id) => set({ finding: id })} />}
      </Shown>
    </Page>
  );
}

const namesOf = ({ names, count }: { readonly names: readonly string[]; readonly count: number }): string =>
  count > names.length ? `${names.join(', ')} and ${count - names.length} more` : names.join(', ');

interface FoundProps {
  readonly found: PolicyAnalysis;
  readonly chosen: string | undefined;
  readonly choose: (id: string) => void;
}

function Found({ found, chosen, choose }: FoundProps) {
  const { findings, counts, agents, rights, more } = found;
  const shown = findings.find(({ id }) => id === chosen) ?? findings[0];
  const looked = `${agents} agents, ${rights} rights looked at`;
  if (shown === undefined)
    return (
      <Panel aside={looked}>
        <Empty>
          {more > 0
            ? 'The fleet is too large to be looked at as a whole: choose an agent.'
            : 'Nothing dangerous comes together here, as far as tools are classified for what they do.'}
        </Empty>
      </Panel>
    );
  return (
    <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]">
      <Panel title={`${counts.high} high, ${counts.medium} medium, ${counts.low} low`} aside={looked} flush>
        <ul>
          {findings.map((finding) => (
            <li key={finding.id} className="border-b border-line last:border-b-0">
              <button
                type="button"
                aria-current={finding.id === shown.id}
                onClick={() => choose(finding.id)}
                className="block w-full px-4 py-2 text-left hover:bg-sunken aria-[current=true]:bg-accent-soft"
              >
                <Severity of={finding.severity} />{' '}
                <span className="font-medium">{kindWords[finding.kind]}</span>
                <span className="block text-xs text-ink-2 [overflow-wrap:anywhere]">
                  {finding.agents.names.slice(0, 3).join(', ')}
                  {finding.agents.count > 3 && ` and ${finding.agents.count - 3} more`}
                </span>
              </button>
            </li>
          ))}
        </ul>
        {more > 0 && (
          <p className="px-4 py-2 text-xs text-ink-2">{more} more that are not listed: choose an agent.</p>
        )}
      </Panel>
      <OneFinding finding={shown} found={found} />
    </div>
  );
}

const severityClass = {
  high: 'border-danger bg-danger-soft text-danger',
  medium: 'border-warn bg-warn-soft text-warn',
  low: 'border-line-strong bg-sunken text-ink-2',
} as const;

const Severity = ({ of }: { readonly of: PolicyFinding['severity'] }) => (
  <span className={`mr-1 rounded border px-1.5 text-xs font-medium ${severityClass[of]}`}>{of}</span>
);

function OneFinding({ finding, found }: { readonly finding: PolicyFinding; readonly found: PolicyAnalysis }) {
  const { says, stands, suggestion, counts, kind } = finding;
  const policies = [
    ...new Set(
      [...finding.sources, ...finding.untrusted, ...finding.sinks].flatMap((right) => right.policies),
    ),
  ];
  return (
    <div className="grid min-w-0 grid-cols-1 gap-4">
      <Panel title={kindWords[kind]} aside={<code>{finding.id}</code>} flush>
        <p className="px-4 pt-3">
          <Severity of={finding.severity} /> <UntrustedText text={says} /> <strong>{stands}</strong>
        </p>
        <CombinationDrawing finding={finding} graph={found.graph} />
      </Panel>
      <Panel title="The worst path, in words">
        <ol className="list-decimal space-y-1 pl-5">
          {finding.path.map((step, at) => (
            // Steps never change order: their place is their key.
            <li key={at} className="[overflow-wrap:anywhere]">
              {step.kind === 'store' ? (
                <>
                  It is kept in the store <code>{step.server}</code>, where others read it.
                </>
              ) : step.kind === 'delegation' ? (
                <>
                  {namesOf(step.from)} {step.way === 'words' ? 'can give work to' : 'can answer'}{' '}
                  {namesOf(step.to)}
                  {step.way === 'words'
                    ? ', which has its own rights in a session of its own.'
                    : ', which may start it.'}
                </>
              ) : (
                <>
                  {namesOf(step.agents)}: <ToolLink tool={step.tool} />{' '}
                  {step.table !== undefined && `${step.table.operation} ${step.table.name} `}
                  <span className="text-ink-2">
                    ({step.does}, {step.sensitivity}, output {step.outputTrust}; {freedomWords[step.freedom]})
                  </span>
                </>
              )}
            </li>
          ))}
        </ol>
        {policies.length > 0 && (
          <p className="mt-2 text-xs text-ink-2">Determined by {policies.join(', ')}.</p>
        )}
      </Panel>
      <Panel
        title="What would end it"
        aside={`${counts.cutRights} ${counts.cutRights === 1 ? 'right' : 'rights'}`}
      >
        <p className="[overflow-wrap:anywhere]">
          <UntrustedText text={suggestion} />
        </p>
        <ul className="mt-2 list-disc pl-5">
          {finding.cutStarts.map(({ agents, starts }) => (
            <li key={`starts ${agents.names[0] ?? ''}`} className="[overflow-wrap:anywhere]">
              That {namesOf(agents)} may start {starts === 'any' ? 'any agent' : namesOf(starts)}
            </li>
          ))}
          {finding.cut.map(({ tool, table, agents }) => (
            <li
              key={`${rightName({ tool, table })} ${agents.names[0] ?? ''}`}
              className="[overflow-wrap:anywhere]"
            >
              <ToolLink tool={tool} /> {table !== undefined && `(${table.operation} ${table.name}) `}of{' '}
              {namesOf(agents)}
            </li>
          ))}
        </ul>
      </Panel>
      <Stores found={found} />
      <Starting found={found} />
    </div>
  );
}

function Starting({ found }: { readonly found: PolicyAnalysis }) {
  const { agent, starts, startedBy } = found.graph ?? {};
  if (startedBy === undefined || (starts === undefined && startedBy.count === 0)) return null;
  return (
    <Panel title={`Whom ${agent} may start, and who may start it`}>
      <p className="[overflow-wrap:anywhere]">
        It may start {starts === undefined ? 'nobody' : starts === 'any' ? 'any agent' : namesOf(starts)}. It
        may be started by {startedBy.count === 0 ? 'nobody' : namesOf(startedBy)}.
      </p>
    </Panel>
  );
}

function Stores({ found }: { readonly found: PolicyAnalysis }) {
  const stores = found.graph?.stores ?? [];
  if (stores.length === 0) return null;
  const who = ({ names, count }: (typeof stores)[number]['writers']) =>
    count === 0 ? 'nobody else' : count > names.length ? `${names.join(', ')} and others` : names.join(', ');
  return (
    <Panel title={`Stores that ${found.graph?.agent ?? ''} shares`} flush>
      <ul>
        {stores.map(({ server, writers, readers }) => (
          <li
            key={server}
            className="border-b border-line px-4 py-2 last:border-b-0 [overflow-wrap:anywhere]"
          >
            <code>{server}</code>
            <span className="block text-xs text-ink-2">
              Kept in by {who(writers)}; read by {who(readers)}.
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
