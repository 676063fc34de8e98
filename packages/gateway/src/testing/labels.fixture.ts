/** What sessions have read, as a control keeps it that tests stand in for, by the same rules as the real one. */
import { afterReading, afterRetrieving, unread } from '@atf/core/segmentation/flow';
import { routes } from '@atf/core/wire/api';
import type { LabelsDoc } from '@atf/core/wire/labels';

export class ReadLabels {
  readonly docs = new Map<string, LabelsDoc>();

  /** Answers the body of `gateway.read`. */
  read(body: unknown, nowMs: number): { labels: LabelsDoc[] } {
    const { instanceId, task, tool, confidentiality, integrity, indexes } =
      routes['gateway.read'].body.parse(body);
    const since = new Date(nowMs).toISOString();
    const own = [instanceId, ...(task === undefined ? [] : [task])];
    const labels = [...new Set([...own, ...(indexes?.holders ?? [])])].map((holder) => {
      const before = this.docs.get(holder) ?? unread(holder);
      const source = { tool, confidentiality, integrity, since };
      const read = own.includes(holder) ? afterReading(before, source) : before;
      return (indexes?.read ?? []).reduce((doc, index) => afterRetrieving(doc, index) ?? doc, read);
    });
    for (const doc of labels) this.docs.set(doc.holder, doc);
    return { labels };
  }
}
