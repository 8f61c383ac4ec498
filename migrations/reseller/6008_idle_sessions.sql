-- Purpose: a session of the portal ends an hour after its last request, as those of the console do; `seen_at`, which only had
-- when it began, is moved on while it is used. Existing sessions: nobody knows when they were used last, so that they count as
-- used now, and end within the hour where nobody uses them.
UPDATE reseller.sessions SET seen_at = now();
