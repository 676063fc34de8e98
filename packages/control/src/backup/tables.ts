/** Room: backup. That this database was restored from a backup, and what became of it. */
export interface BackupTables {
  restoration: {
    tenant: string;
    id: string;
    /** Counts restores of this tenant, from 1: the newest decides the origin of the log. */
    place: number;
    restored_at: number;
    backup_id: string;
    backup_at: number;
    /** The log of the backup: origin, verifier key, last signed checkpoint. */
    from_origin: string;
    from_vkey: string;
    from_checkpoint: string;
    /** Origin under which the log goes on. */
    to_origin: string;
    /** When what a restore voids was voided; null: at the next start, before anything is served. */
    settled_at: number | null;
    /** When a person said that totals go on as of the backup; null: nobody did. */
    totals_lifted_at: number | null;
  };
}
