-- Purpose: API keys may be allowed to change allotments. Keys that exist keep the scopes they have.
ALTER TABLE reseller.api_keys
    DROP CONSTRAINT api_keys_scopes_known,
    ADD CONSTRAINT api_keys_scopes_known CHECK (
        scopes <@ ARRAY['catalog:read', 'stock:write', 'orders:read', 'orders:write', 'reports:read']
        AND cardinality(scopes) > 0
    );
