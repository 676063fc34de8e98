/** What would this agent have done at another level? */
import { type Level, levels } from '@atf/core/wire/words';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useAnswer } from '../control/queries.ts';
import { SelectField } from '../parts/field.tsx';
import { levelNames } from '../parts/level.tsx';
import { Page, Shown } from '../parts/panel.tsx';
import { BacktestPanel } from './backtest-panel.tsx';

export function TryLevelPage() {
  const { id } = useParams({ from: '/shell/agents/$id/try-level' });
  const agent = useAnswer('agents.show', { params: { id } });
  const [chosen, setChosen] = useState<Level>();
  const others = levels.filter((level) => level !== agent.data?.effectiveLevel);
  const level = chosen ?? others.at(-1) ?? 'principal';
  return (
    <Page
      title="At another level?"
      above={
        <Link to="/agents/$id" params={{ id }} className="hover:underline">
          {agent.data?.name ?? id}
        </Link>
      }
    >
      <Shown answer={agent} lines={6}>
        {({ name }) => (
          <div className="grid grid-cols-1 gap-4">
            <div className="max-w-xs">
              <SelectField
                label="As"
                value={level}
                onChange={(event) => setChosen(others.find((one) => one === event.target.value))}
                options={others.map((value) => ({ value, text: levelNames[value] }))}
              />
            </div>
            <BacktestPanel
              key={level}
              title={`${name} as ${levelNames[level]}`}
              body={{ agent: name, level }}
              about={(backtest) => backtest.level === level && backtest.candidate === undefined}
            />
          </div>
        )}
      </Shown>
    </Page>
  );
}
