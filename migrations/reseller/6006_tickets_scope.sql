-- Purpose: entry codes need a scope of their own, `tickets:read`; `orders:read` shows orders without them. Keys that exist keep
-- the scopes they have, so none of them reads codes of orders that it did not make: whoever needs that makes another key.
ALTER TABLE reseller.api_keys
    DROP CONSTRAINT api_keys_scopes_known,
    ADD CONSTRAINT api_keys_scopes_known CHECK (
        scopes <@ ARRAY['catalog:read', 'stock:write', 'orders:read', 'tickets:read', 'orders:write', 'reports:read']
        AND cardinality(scopes) > 0
    );
