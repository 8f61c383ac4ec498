-- Purpose: failed sign-ins are counted in Redis now, for an account and a network, so their columns go. Blocks are forgotten.
ALTER TABLE reseller.users
    DROP COLUMN failed,
    DROP COLUMN blocked_until;
