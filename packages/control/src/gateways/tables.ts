/** Room: gateways. Enrolled gateways and the join tokens that admit new ones. */
import type { ColumnType, Generated } from 'kysely';

/** Names of tool servers; null: every one. */
type Servers = ColumnType<string[] | null, string | null, never>;

export interface GatewayTables {
  gateway: {
    tenant: string;
    id: string;
    name: string;
    /** `active` or `revoked`. */
    state: string;
    /** Public JWK (EC P-256) as canonical JSON text. */
    public_key: string;
    /** RFC 7638 thumbprint of the key. */
    jkt: string;
    enrolled_at: number;
    servers: Servers;
    revoked_at: number | null;
    /** Origin by which agents know it, as it told over its own connection. */
    public_url: Generated<string | null>;
  };
  gateway_join_token: {
    tenant: string;
    /** SHA-256 of the token; the token itself is never stored. */
    token_hash: string;
    name: string;
    servers: Servers;
    expires_at: number;
    used_at: number | null;
  };
}
