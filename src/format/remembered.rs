//! What follows from the names of a layout's columns, made once and not for every record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;

/// Tells what remembers by columns from all others of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(u64);

impl Id {
    /// One that no other has.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Of each owner what it made of the columns that it saw last. One for each thread: what it holds changes how fast a record is
/// read and nothing else.
#[derive(Debug)]
pub struct Remembered<T>(HashMap<Id, (Vec<Arc<str>>, T)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone> Remembered<T> {
    /// What an owner makes of columns.
    pub fn of(&mut self, owner: Id, columns: &[Arc<str>], make: impl FnOnce() -> T) -> T {
        // The names are held, so that no others can stand where they stood.
        let is_same =
            |held: &[Arc<str>]| held.len() == columns.len() && held.iter().zip(columns).all(|(a, b)| Arc::ptr_eq(a, b));
        if let Some((_, made)) = self.0.get(&owner).filter(|(held, _)| is_same(held)) {
            return made.clone();
        }
        let made = make();
        self.0.insert(owner, (columns.to_vec(), made.clone()));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_columns_or_another_owner_made_is_not_given() {
        let (one, other) = (Id::new(), Id::new());
        let columns = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<Arc<str>>>();
        let (ab, abc, again) = (columns(&["a", "b"]), columns(&["a", "b", "c"]), columns(&["a", "b"]));
        let mut remembered = Remembered::default();
        let mut made = 0;
        let mut of = |owner, columns: &[Arc<str>]| {
            remembered.of(owner, columns, || {
                made += 1;
                made
            })
        };
        assert_eq!((of(one, &ab), of(one, &ab), of(other, &ab), of(one, &ab)), (1, 1, 2, 1));
        assert_eq!((of(one, &abc), of(one, &ab[..1]), of(one, &again), of(other, &ab)), (3, 4, 5, 2));
    }
}
