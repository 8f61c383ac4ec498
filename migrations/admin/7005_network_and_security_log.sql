-- Purpose: the log says from which network something was done; what strangers fail at is counted by the hour in a table of its
-- own, which no crowd at the door makes grow without end. Existing entries: their network is not known, and refused sign-ins
-- among them stay, since the log is only added to.
ALTER TABLE admin.audit
    -- An IPv4 address or an IPv6 /64; null where it was done at a shell of the server, or before it was noted.
    ADD COLUMN network text;

CREATE TABLE admin.security_log (
    -- Start of the hour, UTC.
    hour     timestamptz NOT NULL,
    kind     text NOT NULL CONSTRAINT security_log_kind_known CHECK (kind IN
             ('sign_in.refused', 'sign_in.blocked', 'password.refused')),
    -- As in the log; 'others' beyond what an hour may name.
    network  text NOT NULL,
    -- The e-mail address of the account; empty where there is none, since what was typed may be anything.
    account  text NOT NULL,
    times    bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT security_log_pkey PRIMARY KEY (hour, kind, network, account)
);
CREATE INDEX security_log_by_time ON admin.security_log (last_at);
