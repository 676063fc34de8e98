/** Room: data (D-2). */
export interface TrustTables {
  /** What was seen of a retrieval source on one day. */
  source_day: {
    tenant: string;
    /** `server/tool`. */
    tool: string;
    index_name: string;
    /** Since 1970. */
    day: number;
    results: number;
    failed: number;
    withheld: number;
    labelled: number;
    above: number;
    /** Results that hold such data. */
    pii: number;
    phi: number;
    pci: number;
    secret: number;
    /** Times that its definition was changed. */
    changed: number;
    /** Of `above`, what people were told of. */
    told: number;
  };
}
