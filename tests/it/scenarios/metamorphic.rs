//! What must not change an answer, and what must only weaken it. No truth is needed for that.
