/** Room: keys. Table of wrapped keys. */
export interface KeyTables {
  key: {
    tenant: string;
    purpose: string;
    kid: string;
    /** `active`: signs and encrypts now · `retired`: still verifies and decrypts. */
    state: string;
    /** AES-256-GCM envelope of the private or secret key under the key-encryption key: nonce ‖ tag ‖ ciphertext. */
    wrapped: Uint8Array;
    /** Public JWK as text; null for secret keys. */
    public: string | null;
    created_at: number;
  };
}
