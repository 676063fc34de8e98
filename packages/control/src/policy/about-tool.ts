/** Room: policy. A question that is about a tool and not about one call of it. */
import { limitsFor } from '@atf/core/segmentation/transaction';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { Asked, Known } from './question.ts';

/** The smallest lawful amount, so that the answer is about the tool and not about one sum. */
function smallestArguments(agent: AgentDoc, tool: ToolDoc): JsonObject {
  const { amount, currency } = tool.classification.arguments;
  if (amount === undefined) return {};
  const limit = limitsFor(agent, tool).find(
    ({ amountMax, total }) => amountMax !== undefined || total?.amount !== undefined,
  );
  return {
    [amount]: 0,
    ...(currency === undefined || limit?.currency === undefined ? {} : { [currency]: limit.currency }),
  };
}

/** `ref`: `server/tool`, as manifests write it. */
export function aboutTool(agent: AgentDoc, ref: string, docs: Known): Asked {
  const slash = ref.indexOf('/');
  return {
    server: ref.slice(0, slash),
    tool: ref.slice(slash + 1),
    docs,
    args: docs.tool === undefined ? {} : smallestArguments(agent, docs.tool),
    schema: 'unchecked',
  };
}
