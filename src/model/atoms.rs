//! Literals that every record matching a rule must contain.

/// Literals of the rules of one set of formats, with the rules that need them. A rule applies to a record only if the
/// record contains at least one of the rule's literals (ASCII case ignored), or if the rule is in `always`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Atoms {
    /// Distinct literals, lower case, sorted.
    pub literals: Vec<Box<[u8]>>,
    /// Rule indexes per literal, parallel to `literals`.
    pub rules: Vec<Vec<u32>>,
    /// Rules without a usable literal: every record is a candidate.
    pub always: Vec<u32>,
}
