/** Room: policy (S-1). The parser that gateways decide by, so that control says the same of a call that might be made. */
import type { SqlParser } from '@atf/core/segmentation/sql/query-fact';
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';

await loadModule();

export const sqlParser: SqlParser = {
  parse: (text) => parseSync(text),
  placeOf: (error) => (hasSqlDetails(error) ? error.sqlDetails?.cursorPosition : undefined),
};
