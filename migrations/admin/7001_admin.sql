-- Purpose: operators and admins, what they did, and support tickets. New tables only.
CREATE SCHEMA IF NOT EXISTS admin;

CREATE TABLE admin.users (
    user_id              uuid PRIMARY KEY,
    email                text NOT NULL,
    name                 text NOT NULL,
    -- An operator steers rooms; an admin also approves resellers, answers support and forces refunds.
    role                 text NOT NULL CONSTRAINT users_role_known CHECK (role IN ('admin', 'operator')),
    -- argon2id, as a PHC string.
    password_hash        text NOT NULL,
    -- The password is good for one sign-in, at which its owner chooses another.
    must_change_password boolean NOT NULL DEFAULT false,
    failed               int NOT NULL DEFAULT 0,
    blocked_until        timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    disabled_at          timestamptz
);
CREATE UNIQUE INDEX users_email_once ON admin.users (lower(email));

CREATE TABLE admin.sessions (
    -- SHA-256 of the token in the cookie or the Authorization header.
    token_hash bytea PRIMARY KEY,
    user_id    uuid NOT NULL CONSTRAINT sessions_user_exists REFERENCES admin.users,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON admin.sessions (user_id);

-- Who did what, with what it was before and after. Rows are added and never changed.
CREATE TABLE admin.audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    -- The e-mail address of who did it, or 'set-up' for the command line.
    who        text NOT NULL,
    -- Such as `room.change`.
    action     text NOT NULL,
    -- What it was done to, such as `room mira-vale-harbour-lights`.
    target     text NOT NULL,
    before     jsonb,
    after      jsonb,
    request_id text NOT NULL
);
CREATE INDEX audit_by_target ON admin.audit (target, id);

CREATE FUNCTION admin.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'audit_append_only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON admin.audit
    FOR EACH STATEMENT EXECUTE FUNCTION admin.refuse_audit_change();

CREATE TABLE admin.support_tickets (
    ticket     uuid PRIMARY KEY,
    order_id   uuid NOT NULL,
    show       text NOT NULL,
    topic      text NOT NULL CONSTRAINT support_topic_known CHECK (topic IN ('refund', 'tickets', 'payment', 'other')),
    state      text NOT NULL DEFAULT 'open' CONSTRAINT support_state_known CHECK (state IN ('open', 'answered', 'closed')),
    opened_at  timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
-- One open conversation an order: what the fan writes meanwhile is added to it.
CREATE UNIQUE INDEX support_one_open_per_order ON admin.support_tickets (order_id) WHERE state <> 'closed';
CREATE INDEX support_by_state ON admin.support_tickets (state, updated_at);

CREATE TABLE admin.support_messages (
    message  uuid PRIMARY KEY,
    ticket   uuid NOT NULL CONSTRAINT support_messages_ticket_exists REFERENCES admin.support_tickets,
    -- The e-mail address of the admin; null where the fan wrote it.
    staff    text,
    text     text NOT NULL CONSTRAINT support_messages_length CHECK (char_length(text) BETWEEN 1 AND 4000),
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX support_messages_by_ticket ON admin.support_messages (ticket, at);

-- Events of `support.events`, written in the transaction that made them true.
CREATE TABLE admin.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL,
    payload    jsonb NOT NULL,
    request_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
