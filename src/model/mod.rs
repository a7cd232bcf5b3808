//! The nouns of the product, in the order in which the data meets them.
//!
//! Stages never import each other; what two of them must agree on stands here. Nothing in this module reads a
//! file, a clock or the environment; of what outgrew memory, [`Run`](crate::work::Run)s stand here, which `work` reads.

pub mod assigned;
pub mod atoms;
pub mod block;
pub mod catalogue;
pub mod chain;
pub mod cites;
pub mod collection;
pub mod conversations;
pub mod correlation;
pub mod coverage;
pub mod data;
pub mod event;
pub mod few;
pub mod fields;
pub mod filter;
pub mod finding;
pub mod findings;
pub mod flat;
pub mod hands;
pub mod hash;
pub mod hit;
pub mod hits;
pub mod indicator;
pub mod interned;
pub mod label;
pub(crate) mod lanes;
pub mod layout;
pub mod ledger;
pub mod lines;
pub mod listed;
pub mod names;
pub mod observation;
pub mod outline;
pub mod packed;
pub mod part;
pub mod partial;
pub mod place;
pub mod prepared;
pub mod promise;
pub mod rarity;
pub mod rule;
pub mod scopes;
pub mod source;
pub mod stored;
pub mod subject;
pub mod table;
pub mod time;
pub mod traits;
pub mod transfer;
pub mod typed;
pub mod url;
pub mod verdict;
pub mod whose;
