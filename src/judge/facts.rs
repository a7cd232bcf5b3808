//! What is known from outside the logs: copied, shown apart.

use crate::model::verdict::FactStated;
use crate::model::whose::Whose;

/// The facts as the user gave them.
pub fn stated(whose: &Whose) -> Vec<FactStated> {
    let copy = |f: &crate::model::scopes::Fact| FactStated {
        scope: f.scope.clone(),
        text: f.text.clone(),
        time: f.time.clone(),
        source: f.source.clone(),
        digest: f.digest.clone(),
    };
    whose.scopes.fact.iter().map(copy).collect()
}
