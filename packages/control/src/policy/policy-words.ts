/** Room: policy. What a policy says about itself in plain words: the comment over it in its file. */

export interface PolicyWords {
  readonly id: string;
  readonly file: string;
  readonly requirement?: string;
  readonly says: string;
}

const idPattern = /^@id\("([^"\\]{1,200})"\)/;
const requirementPattern = /^@requirement\("([IBDSR]-[1-5])"\)/;
const saysMax = 1_000;

/** By id. A comment belongs to a policy when nothing but annotations stands between them, and no empty line or empty comment. */
export function policyWords(
  files: readonly { readonly name: string; readonly text: string }[],
): Map<string, PolicyWords> {
  const found = new Map<string, PolicyWords>();
  for (const { name, text } of files) {
    if (!name.endsWith('.cedar')) continue;
    let comment: string[] = [];
    let id: string | undefined;
    for (const line of text.split('\n').map((each) => each.trim())) {
      // An empty comment parts as an empty line does, of which Cedar's formatter keeps none over the first policy.
      if (line === '' || line === '//') comment = [];
      else if (line.startsWith('//')) comment.push(line.slice(2).trim());
      else if (line.startsWith('@')) {
        id = idPattern.exec(line)?.[1] ?? id;
        const requirement = requirementPattern.exec(line)?.[1];
        if (id === undefined) continue;
        const known = found.get(id);
        found.set(id, {
          id,
          file: name,
          says: known?.says ?? comment.join(' ').slice(0, saysMax),
          ...(known?.requirement === undefined ? {} : { requirement: known.requirement }),
          ...(requirement === undefined ? {} : { requirement }),
        });
      } else {
        comment = [];
        id = undefined;
      }
    }
  }
  return found;
}
