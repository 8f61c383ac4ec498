-- Purpose: a one-time password is good for one sign-in and for a day; failed sign-ins are counted in Redis, for an account
-- and a network, so their columns go; a fan's help page finds the order's tickets by an index.
-- Whoever has a one-time password keeps it for another day and signs in with it once more. Blocks of accounts are forgotten.
ALTER TABLE admin.users
    -- Until when the one-time password is good; null where the owner has chosen one.
    ADD COLUMN one_time_ends_at timestamptz,
    -- When somebody signed in with it.
    ADD COLUMN one_time_used_at timestamptz,
    DROP COLUMN failed,
    DROP COLUMN blocked_until;
UPDATE admin.users SET one_time_ends_at = now() + interval '24 hours' WHERE must_change_password;
DELETE FROM admin.sessions s USING admin.users u WHERE u.user_id = s.user_id AND u.must_change_password;
ALTER TABLE admin.users ADD CONSTRAINT users_one_time_ends CHECK (must_change_password = (one_time_ends_at IS NOT NULL));

CREATE INDEX support_by_order ON admin.support_tickets (order_id, opened_at);
