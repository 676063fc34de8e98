/**
 * Levels of autonomy (maturity model). Pure comparisons only: what a level may do is policy (`levels.cedar`), and how it is
 * earned belongs to the gates.
 */
import { type Level, levels } from '../wire/words.ts';

export function levelRank(level: Level): number {
  return levels.indexOf(level);
}

export function lowerLevel(a: Level, b: Level): Level {
  return levelRank(a) <= levelRank(b) ? a : b;
}

/**
 * Effective level: the lower of the earned level and the temporary ceiling; without proof of possession never above Intern.
 */
export function effectiveLevel(
  agent: { level: Level; ceiling?: Level | undefined },
  proof: 'dpop' | 'none',
): Level {
  const ceiled = agent.ceiling === undefined ? agent.level : lowerLevel(agent.level, agent.ceiling);
  return proof === 'none' ? lowerLevel(ceiled, 'intern') : ceiled;
}
