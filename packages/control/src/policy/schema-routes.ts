/** Room: policy (S-1, S-4). The schema in force, and the arguments of the registered tools as types, for people who write policies. */
import { refuse } from '@atf/core/errors';
import { typedToolsMax } from '@atf/core/wire/policy-schema';
import type { Handlers } from '../context.ts';
import { actingPerson } from '../identity/acting.ts';
import { acceptedTools } from '../segmentation/store.ts';
import { contentOf } from './candidates.ts';
import { schemaFile } from './files.ts';
import { acceptedTool, definitionOf, typesOfRow } from './registered-types.ts';
import { schemaAbout, typedTool } from './tool-types.ts';
import { newestVersion, versionWithSet } from './version-store.ts';

export function policySchemaRoutes(): Handlers<'policy.schema'> {
  return {
    async 'policy.schema'(control, { actor, query }) {
      actingPerson(actor);
      const { db, config } = control;
      const newest = (await newestVersion(db, config.tenant)) ?? refuse('policy.unavailable');
      const set = await versionWithSet(db, config.tenant, newest.version);
      if (set === undefined) return refuse('policy.unavailable');
      const base = contentOf(set).files.find(({ name }) => name === schemaFile)?.text ?? '';
      const { tool, after } = query;
      const one = tool === undefined ? undefined : await acceptedTool(control, tool);
      if (tool !== undefined && one === undefined) refuse('segmentation.tool_unknown', tool);
      const rows =
        one === undefined ? await acceptedTools(db, config.tenant, typedToolsMax + 1, after) : [one];
      const typed = rows.slice(0, typedToolsMax).map((row) => ({
        ...typedTool(`${row.server}/${row.name}`, definitionOf(row), row.definition_digest),
        of: typesOfRow(row),
      }));
      const [only] = typed;
      const last = rows.length > typedToolsMax ? typed.at(-1) : undefined;
      return {
        schema: one === undefined || only === undefined ? base : schemaAbout(base, only),
        tools: typed.map(
          ({ ref, name, text, arguments: { attributes, leftOut }, of: { class: action, offered } }) => ({
            tool: ref,
            type: name,
            text,
            attributes: { ...attributes },
            leftOut: { ...leftOut },
            ...(action === undefined ? {} : { class: action }),
            ...(offered === undefined ? {} : { offered: { ...offered, leftOut: { ...offered.leftOut } } }),
          }),
        ),
        ...(last === undefined ? {} : { next: last.ref }),
      };
    },
  };
}
