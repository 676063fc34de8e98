/** What a person says about the tools of a server, in a file (S-1). */
import { classificationFileBytesMax, parseClassificationFile } from '@atf/core/wire/classification-file';
import type { SaidOfTools } from '@atf/core/wire/classifications';
import { CliFailure, exitCodes } from './exit-codes.ts';
import { readText } from './service-files.ts';

/** @throws CliFailure with the place of what is wrong */
export function readClassifications(file: string): SaidOfTools {
  const read = parseClassificationFile(readText(file, classificationFileBytesMax));
  if (!read.ok)
    throw new CliFailure(exitCodes.usage, `${file} does not say what tools are: ${read.problem}`, {
      help: 'For each tool: get_page: { class: read, outputTrust: untrusted, arguments: { object: url } }',
    });
  return read.tools;
}
