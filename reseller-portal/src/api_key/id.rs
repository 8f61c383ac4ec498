//! What a key is known by; the key itself is kept nowhere.

kit::uuid_id!(/// An API key.
    ApiKeyId);
