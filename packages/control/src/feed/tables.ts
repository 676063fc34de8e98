/** Room: feed. The documents that gateways hold, and the newest version. */
export interface FeedTables {
  feed_head: {
    tenant: string;
    /** Version of the newest document; its row lock makes commit order and version order the same. */
    version: number;
  };
  feed_doc: {
    tenant: string;
    topic: string;
    key: string;
    version: number;
    /** JSON text; null: the object is gone. */
    body: string | null;
  };
}
