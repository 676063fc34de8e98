/** Room: gateways. Enrolled gateways and the join tokens that admit new ones. */
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
    revoked_at: number | null;
  };
  gateway_join_token: {
    tenant: string;
    /** SHA-256 of the token; the token itself is never stored. */
    token_hash: string;
    name: string;
    expires_at: number;
    used_at: number | null;
  };
}
