/** The tools of a suite as a gateway knows them: definition and classification. */
import { classify } from '@atf/core/segmentation/classify';
import { definitionDigest } from '@atf/core/segmentation/definition';
import type { SaidOfTools } from '@atf/core/wire/classifications';
import { classificationSchema, type ToolDoc } from '@atf/core/wire/feed';
import type { Suite } from './suite.ts';

export const domain = 'support';

/**
 * What a person said about each tool, on top of the automatic classification. Without a file only this is taken as said: that the tools may be used alone. Nobody
 * can guess that, and an agent whose tools nobody has looked at asks about everything.
 */
export function toolsOf(suite: Suite, said: SaidOfTools | undefined): ToolDoc[] {
  const siblings = suite.tools.map(({ name }) => name);
  const unknown = Object.keys(said ?? {}).filter((name) => !siblings.includes(name));
  if (unknown.length > 0) throw new Error(`${suite.suite}: no such tool: ${unknown.join(', ')}`);
  return suite.tools.map(({ name, description, parameters }) => {
    const definition = { name, description, inputSchema: { type: 'object', ...parameters } };
    const guessed = classify(definition, { domain, outputTrust: 'untrusted', siblings });
    const words = said === undefined ? { writeSafe: true } : (said[name] ?? {});
    const classification = classificationSchema.parse({
      ...guessed,
      ...words,
      by: said === undefined ? 'automatic' : 'person',
    });
    return {
      server: suite.suite,
      name,
      state: 'active',
      definitionDigest: definitionDigest(definition),
      definition,
      classification,
      epoch: 1,
    };
  });
}
