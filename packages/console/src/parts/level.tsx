/** A maturity level: always its name, with a ladder of four rungs in one of four fixed colours. */
import { type Level, levels } from '@atf/core/wire/words';

export const levelNames: Record<Level, string> = {
  intern: 'Intern',
  junior: 'Junior',
  senior: 'Senior',
  principal: 'Principal',
};

const fills: Record<Level, string> = {
  intern: 'fill-(--level-intern)',
  junior: 'fill-(--level-junior)',
  senior: 'fill-(--level-senior)',
  principal: 'fill-(--level-principal)',
};

export function LevelMark({
  level,
  className = 'size-4',
}: {
  readonly level: Level;
  readonly className?: string;
}) {
  const rank = levels.indexOf(level);
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true" className={`inline-block shrink-0 ${className}`}>
      {levels.map((name, index) => (
        <rect
          key={name}
          x={1 + index * 3.75}
          y={10.5 - index * 3}
          width={2.75}
          height={4 + index * 3}
          rx={0.75}
          className={index <= rank ? fills[level] : 'fill-line'}
        />
      ))}
    </svg>
  );
}

interface LevelProps {
  readonly level: Level;
  /** The lower one that counts now, when a ceiling is set. */
  readonly effective?: Level;
}

export function LevelBadge({ level, effective }: LevelProps) {
  const capped = effective !== undefined && effective !== level;
  return (
    <span className="inline-flex items-center gap-1.5 align-bottom whitespace-nowrap">
      <LevelMark level={effective ?? level} />
      <span className="font-medium">{levelNames[effective ?? level]}</span>
      {capped && <span className="text-xs text-ink-3">capped, earned {levelNames[level]}</span>}
    </span>
  );
}
