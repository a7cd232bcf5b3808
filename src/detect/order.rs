//! In which order the parts of a search are asked: what costs little goes first, so that most records are turned down
//! before what costs much. The answer is the same in any order.

use super::item::{Expr, Test};

/// Sorts the parts of a search, and theirs.
pub(super) fn cheapest_first(expr: &mut Expr) {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => {
            parts.iter_mut().for_each(cheapest_first);
            parts.sort_by_cached_key(cost);
        }
        Expr::Not(inner) => cheapest_first(inner),
        Expr::Shared(_) | Expr::Field(..) | Expr::Keyword(_) => {}
    }
}

/// About what it costs to ask, in comparisons of a few bytes.
pub(super) fn cost(expr: &Expr) -> u32 {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts.iter().map(cost).fold(0, u32::saturating_add),
        Expr::Not(inner) => cost(inner),
        Expr::Shared(inner) => cost(inner),
        Expr::Field(_, test) => of_value(test),
        // Every value is looked at.
        Expr::Keyword(test) => of_value(test).saturating_mul(32),
    }
}

fn of_value(test: &Test) -> u32 {
    match test {
        Test::Null | Test::Exists(_) => 1,
        Test::Text(pattern) if pattern.is_at_an_end() => 1,
        Test::Anchored(texts) => 2 + texts.patterns().len() as u32 / 16,
        Test::Number(..) | Test::Cidr(_) | Test::Time(..) => 4,
        Test::Text(pattern) if pattern.is_of_steps() => 24,
        Test::Text(_) | Test::SameAs { .. } => 8,
        Test::Words(_) => 16,
        Test::Regex(_) => 64,
    }
}
