//! The nouns of the product, in the order in which the data meets them.
//!
//! Stages never import each other; what two of them must agree on stands here. Nothing in this module reads a
//! file, a clock or the environment.

pub mod time;
pub mod place;
pub mod ledger;
pub mod source;
pub mod layout;
pub mod lines;
pub mod block;
pub mod fields;
pub mod indicator;
pub mod atoms;
pub mod rule;
pub mod subject;
pub mod hit;
pub mod observation;
pub mod partial;
pub mod scopes;
pub mod finding;
pub mod transfer;
pub mod whose;
pub mod coverage;
pub mod verdict;
