/** Room: policy. Arguments for a question that is about a tool and not about one call of it. */
import { limitsFor } from '@atf/core/segmentation/transaction';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';

/** The smallest lawful amount, so that the answer is about the tool and not about one sum. */
export function smallestArguments(agent: AgentDoc, tool: ToolDoc): JsonObject {
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
