-- Purpose: letters to fans: one an event, whatever is delivered twice. New tables only.
CREATE SCHEMA IF NOT EXISTS notifications;

CREATE TABLE notifications.letters (
    -- Derived from the event, so that an event that comes again finds its letter.
    letter          uuid PRIMARY KEY,
    kind            text NOT NULL CONSTRAINT letters_kind_known CHECK (kind IN ('ticket', 'refund', 'support_answer')),
    -- The order or the support message it is about; who gets it is looked up when it is sent.
    subject         uuid NOT NULL,
    request_id      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    attempts        int NOT NULL DEFAULT 0,
    -- Not before then; moved on while somebody is sending it.
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    sent_at         timestamptz,
    -- Why it will never be sent: the address was refused for good, or what it is about is gone.
    given_up        text,
    last_fault      text
);
CREATE INDEX letters_due ON notifications.letters (next_attempt_at) WHERE sent_at IS NULL AND given_up IS NULL;
