/** Room: policy (S-1, S-4). The arguments of the registered tools as types, for policies that are checked here. */
import type { Control } from '../context.ts';
import { toolByName, type ToolRow } from '../segmentation/store.ts';
import type { ToolTypes } from './cedar.ts';
import type { TypesOf } from './files.ts';
import { toolArguments } from './tool-types.ts';

export const definitionOf = ({ definition }: ToolRow) => JSON.parse(definition) as Record<string, unknown>;

export async function acceptedTool(control: Control, ref: string): Promise<ToolRow | undefined> {
  const slash = ref.indexOf('/');
  const row = await toolByName(control.db, control.config.tenant, ref.slice(0, slash), ref.slice(slash + 1));
  return row?.accepted === true ? row : undefined;
}

/** Of tools that a person has accepted, as they were accepted: what is on offer since counts for nothing. */
export const typesIn =
  (control: Control): TypesOf =>
  async (refs) => {
    const types: Record<string, ToolTypes[string]> = {};
    for (const ref of refs) {
      const row = await acceptedTool(control, ref);
      if (row !== undefined) types[ref] = toolArguments(definitionOf(row));
    }
    return types;
  };
