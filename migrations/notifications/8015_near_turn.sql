-- Purpose: a letter to a fan whose turn in a line is near. Existing rows stay as they are.
ALTER TABLE notifications.letters DROP CONSTRAINT letters_kind_known;
ALTER TABLE notifications.letters ADD CONSTRAINT letters_kind_known
    CHECK (kind IN ('ticket', 'refund', 'support_answer', 'order_link', 'near_turn'));
