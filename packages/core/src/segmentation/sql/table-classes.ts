/**
 * Room: segmentation (S-1, S-4). Tables that a person has classified apart from the tool that reads them: how confidential they are, and who may have written
 * what is in them. A statement is of the strictest of its tables; one that no entry names is as the tool is. An entry that a database might take for the table
 * as well (other case, a schema that only one of the two names) makes it stricter, never more harmless. Pure.
 */
import type { ClassifiedTable, Database, QueryFact } from '../../wire/database.ts';
import type { Classification } from '../../wire/documents.ts';
import type { ToolDoc } from '../../wire/feed.ts';
import type { Labels } from '../../wire/labels.ts';
import { joined } from '../flow.ts';

/** A table as `schema.table`, where it is known in which schema the database looks. */
export const fullName = (schema: string | undefined, table: string): string =>
  schema === undefined || table.includes('.') ? table : `${schema}.${table}`;

const saidOf = (
  { sensitivity, outputTrust }: ClassifiedTable,
  { classification }: Pick<ToolDoc, 'classification'>,
): Labels => ({
  confidentiality: sensitivity ?? classification.sensitivity,
  integrity: outputTrust ?? classification.outputTrust,
});

const bare = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

function mayMean(entry: string, table: string): boolean {
  const [one, other] = [entry.toLowerCase(), table.toLowerCase()];
  if (one === other) return true;
  return bare(one) === bare(other) && !(one.includes('.') && other.includes('.'));
}

/** The classification without its tables: as strict as all of these. */
function classified(classification: Classification, labels: readonly Labels[], own?: Labels): Classification {
  const { database, ...rest } = classification;
  if (database === undefined) return classification;
  const { tables: _, ...plain } = database;
  const first = own ?? { confidentiality: classification.sensitivity, integrity: classification.outputTrust };
  const { confidentiality, integrity } = labels.reduce(joined, first);
  return { ...rest, database: plain, sensitivity: confidentiality, outputTrust: integrity };
}

const entriesOf = (tool: ToolDoc, { schema, tables = {} }: Database) =>
  Object.entries(tables).map(([name, said]) => ({ name: fullName(schema, name), said: saidOf(said, tool) }));

/** The tool as this statement uses it; as it is where that is not known. */
export function ofTables(tool: ToolDoc, fact: QueryFact | undefined): ToolDoc {
  const { database } = tool.classification;
  if (database?.tables === undefined || fact?.verdict !== 'read') return tool;
  const entries = entriesOf(tool, database);
  const own = saidOf({}, tool);
  const [first, ...more] = fact.uses.map(({ table }) => {
    const exact = entries.find(({ name }) => name === table)?.said ?? own;
    const others = entries.filter(({ name }) => mayMean(name, table)).map(({ said }) => said);
    return others.reduce(joined, exact);
  });
  return { ...tool, classification: classified(tool.classification, more, first) };
}

/** Of whatever its statements read the worst. */
export function ofAnyTable(tool: ToolDoc): ToolDoc {
  const { database } = tool.classification;
  if (database?.tables === undefined) return tool;
  const all = entriesOf(tool, database).map(({ said }) => said);
  return { ...tool, classification: classified(tool.classification, all) };
}
