-- Purpose: resellers, the people who sign in for them, and their API keys. New tables only.
CREATE SCHEMA IF NOT EXISTS reseller;

CREATE TABLE reseller.resellers (
    reseller   uuid PRIMARY KEY,
    name       text NOT NULL CONSTRAINT resellers_name_length CHECK (char_length(name) BETWEEN 1 AND 120),
    -- What they told about themselves when they signed up, for whoever approves.
    about      text NOT NULL DEFAULT '',
    state      text NOT NULL DEFAULT 'pending'
               CONSTRAINT resellers_state_known CHECK (state IN ('pending', 'approved', 'declined', 'suspended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz,
    -- Told to the reseller where they were declined or suspended.
    reason     text
);
CREATE UNIQUE INDEX resellers_name_once ON reseller.resellers (lower(name));

CREATE TABLE reseller.users (
    user_id        uuid PRIMARY KEY,
    reseller       uuid NOT NULL CONSTRAINT users_reseller_exists REFERENCES reseller.resellers,
    email          text NOT NULL,
    name           text NOT NULL,
    -- argon2id, as a PHC string.
    password_hash  text NOT NULL,
    failed         int NOT NULL DEFAULT 0,
    blocked_until  timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_once ON reseller.users (lower(email));

CREATE TABLE reseller.sessions (
    -- SHA-256 of the token in the cookie.
    token_hash bytea PRIMARY KEY,
    user_id    uuid NOT NULL CONSTRAINT sessions_user_exists REFERENCES reseller.users,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON reseller.sessions (user_id);

CREATE TABLE reseller.api_keys (
    key_id       uuid PRIMARY KEY,
    reseller     uuid NOT NULL CONSTRAINT api_keys_reseller_exists REFERENCES reseller.resellers,
    name         text NOT NULL CONSTRAINT api_keys_name_length CHECK (char_length(name) BETWEEN 1 AND 80),
    -- SHA-256 of the key: it has 256 random bits, so nothing slower is needed.
    key_hash     bytea NOT NULL CONSTRAINT api_keys_hash_once UNIQUE,
    -- The first characters, to tell keys apart.
    hint         text NOT NULL,
    scopes       text[] NOT NULL CONSTRAINT api_keys_scopes_known
                 CHECK (scopes <@ ARRAY['catalog:read', 'orders:read', 'orders:write', 'reports:read'] AND cardinality(scopes) > 0),
    created_by   uuid NOT NULL CONSTRAINT api_keys_creator_exists REFERENCES reseller.users (user_id),
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_keys_by_reseller ON reseller.api_keys (reseller, created_at);
