/** What is in force, who put it there and why, and what waits for people. */
import { Link } from '@tanstack/react-router';
import { useAnswer } from '../control/queries.ts';
import { Empty, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { PolicyFile } from '../parts/policy-file.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime, Time } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

const everyMs = 5_000;

export function Policy() {
  return (
    <Page
      title="Policy"
      sub="What each level may do, and what nobody may. Changed by atf policy apply."
      actions={
        <Link to="/policy/combinations" className="underline">
          Dangerous combinations
        </Link>
      }
    >
      <div className="grid gap-4">
        <Waiting />
        <InForce />
        <History />
      </div>
    </Page>
  );
}

function Waiting() {
  const waiting = useAnswer('policy.candidates', {}, { everyMs });
  const items = waiting.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Panel title="Waits for people">
      <ul className="space-y-2">
        {items.map(({ id, reason, proposedBy, loosenings }) => (
          <li key={id}>
            <Link to="/policy/$id" params={{ id }} className="underline">
              <UntrustedText text={reason ?? id} />
            </Link>
            <span className="text-ink-3">
              {' '}
              by <UntrustedText text={proposedBy} />
              {loosenings > 0 ? ', loosens something' : ', loosens nothing'}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function InForce() {
  const live = useAnswer('policy.show', {}, { everyMs });
  return (
    <Shown answer={live} lines={6}>
      {(found) => (
        <Panel title={`Version ${found.version} is in force`} aside={`${found.policies} policies`}>
          <div className="space-y-3">
            <Facts
              facts={[
                { name: 'Why', value: <UntrustedText text={found.reason} /> },
                { name: 'By', value: <UntrustedText text={found.by.join(', ')} /> },
                { name: 'Since', value: <ExactTime at={found.at} /> },
                { name: 'Content', value: <ShortId id={found.digest} what="digest of all files" /> },
                ...(found.folder.differs.length === 0
                  ? []
                  : [
                      {
                        name: 'Folder',
                        value: (
                          <UntrustedText
                            text={`The folder of the start differs and does not count: ${found.folder.differs.join(', ')}`}
                          />
                        ),
                      },
                    ]),
              ]}
            />
            {found.files.map(({ name, text }) => (
              <PolicyFile key={name} name={name} text={text} by="whoever wrote this file" />
            ))}
          </div>
        </Panel>
      )}
    </Shown>
  );
}

function History() {
  const history = useAnswer('policy.history', {}, { everyMs });
  return (
    <Panel title="Versions" flush>
      <Shown answer={history}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>There is no version yet.</Empty>
          ) : (
            <ul>
              {items.map(({ version, at, by, reason, restores, loosens }) => (
                <li key={version} className="border-b border-line px-4 py-2 last:border-b-0">
                  <p>
                    <strong>{version}</strong> <UntrustedText text={reason} />
                    {restores === undefined ? null : ` (version ${restores} again)`}
                  </p>
                  <p className="text-xs text-ink-3">
                    <UntrustedText text={by.join(', ')} /> · <Time at={at} />
                  </p>
                  {loosens.map((sentence) => (
                    <p key={sentence} className="text-xs text-ink-2">
                      Loosened: <UntrustedText text={sentence} />
                    </p>
                  ))}
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
    </Panel>
  );
}
