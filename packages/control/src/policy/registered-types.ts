/** Room: policy (S-1, S-4). The arguments of the registered tools as types, for policies that are checked here. */
import { actionClassOf } from '@atf/core/decide';
import { toolDocOf } from '../segmentation/documents.ts';
import type { Control } from '../context.ts';
import { acceptedTools, toolByName, type ToolRow } from '../segmentation/store.ts';
import type { ToolArguments } from './cedar-messages.ts';
import { agentByRef } from '../identity/store.ts';
import type { Register } from './files.ts';
import { toolArguments } from './tool-types.ts';

export const definitionOf = ({ definition }: ToolRow) => JSON.parse(definition) as Record<string, unknown>;

export async function acceptedTool(control: Control, ref: string): Promise<ToolRow | undefined> {
  const slash = ref.indexOf('/');
  const row = await toolByName(control.db, control.config.tenant, ref.slice(0, slash), ref.slice(slash + 1));
  return row?.accepted === true ? row : undefined;
}

/**
 * Of a tool that a person has accepted, as it was accepted; of one that has changed since, and so runs for nobody, also as it would be accepted now: policies can be
 * corrected before.
 */
export function typesOfRow(row: ToolRow): ToolArguments {
  const tool = toolDocOf(row);
  const ofEveryCall = tool.classification.arguments.sql === undefined ? { class: actionClassOf(tool) } : {};
  const accepted = { ...toolArguments(definitionOf(row)), ...ofEveryCall };
  if (row.offered === null) return accepted;
  return { ...accepted, offered: toolArguments(JSON.parse(row.offered) as Record<string, unknown>) };
}

/** What is registered at this control. */
export const registerOf = (control: Control): Register => ({
  async types({ tools, servers }) {
    const { db, config } = control;
    const types: Record<string, ToolArguments> = {};
    for (const ref of tools) {
      const row = await acceptedTool(control, ref);
      if (row !== undefined) types[ref] = typesOfRow(row);
    }
    for (const server of servers) {
      const [first] = await acceptedTools(db, config.tenant, 1, `${server}/`);
      if (first?.server === server) types[`${server}/${first.name}`] = typesOfRow(first);
    }
    return types;
  },
  async agents(refs) {
    const there = new Set<string>();
    for (const ref of refs)
      if ((await agentByRef(control.db, control.config.tenant, ref)) !== undefined) there.add(ref);
    return there;
  },
});
