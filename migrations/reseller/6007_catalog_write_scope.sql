-- Purpose: a scope to withdraw shows with. Keys that exist keep the scopes they have.
ALTER TABLE reseller.api_keys
    DROP CONSTRAINT api_keys_scopes_known,
    ADD CONSTRAINT api_keys_scopes_known CHECK (
        scopes <@ ARRAY['catalog:read', 'catalog:write', 'stock:write', 'orders:read', 'tickets:read', 'orders:write', 'reports:read']
        AND cardinality(scopes) > 0
    );
