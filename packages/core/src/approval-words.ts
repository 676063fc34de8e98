/**
 * One line that tells a waiting call from another: `100 EUR · to X · of Y`, for lists of console and command line. The parts are the agent's words: white
 * space is drawn together, and a part that holds the separator stands in quotes, so that none passes for another.
 */
export function briefWords(
  brief:
    | {
        readonly amount?: string | undefined;
        readonly destination?: string | undefined;
        readonly object?: string | undefined;
      }
    | undefined,
): string {
  const said = (before: string, words: string | undefined): string[] => {
    if (words === undefined) return [];
    const flat = words.replace(/\s+/gu, ' ').trim();
    return [`${before}${flat.includes('·') ? JSON.stringify(flat) : flat}`];
  };
  const { amount, destination, object } = brief ?? {};
  return [...said('', amount), ...said('to ', destination), ...said('of ', object)].join(' · ');
}
