//! Answers of which a source may hold some pages alone.

/// What the ledger says of a source whose every page says that another one follows.
pub const MORE_FOLLOW: &str = "pages, each of which says that another one follows: where none lies beside it that is the last, what followed is not here; collect it";

/// What the ledger says of a source with fewer records than a search found.
pub const FEWER_THAN_FOUND: &str = "records that a search found, more than are here: where the other pages do not lie beside it, they are missing; collect them";
