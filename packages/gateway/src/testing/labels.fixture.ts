/** What sessions have read, as a control keeps it that tests stand in for, by the same rules as the real one. */
import { afterReading, unread } from '@atf/core/segmentation/flow';
import { routes } from '@atf/core/wire/api';
import type { LabelsDoc } from '@atf/core/wire/labels';

export class ReadLabels {
  readonly docs = new Map<string, LabelsDoc>();

  /** Answers the body of `gateway.read`. */
  read(body: unknown, nowMs: number): { labels: LabelsDoc[] } {
    const { instanceId, task, tool, confidentiality, integrity } = routes['gateway.read'].body.parse(body);
    const since = new Date(nowMs).toISOString();
    const labels = [instanceId, ...(task === undefined ? [] : [task])].map((holder) =>
      afterReading(this.docs.get(holder) ?? unread(holder), { tool, confidentiality, integrity, since }),
    );
    for (const doc of labels) this.docs.set(doc.holder, doc);
    return { labels };
  }
}
