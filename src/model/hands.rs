//! Other cores that may help the thread that reads a file.

/// Something to be done on any core. Whoever offered it never waits for it, so it may run late or in vain.
pub type Job = Box<dyn FnOnce() + Send>;

/// What the reader of a file may ask of the others.
pub trait Hands {
    /// How many threads there are, the reader's included. Where it is 1, nobody is asked.
    fn count(&self) -> usize;

    /// Offers a job to whoever is free.
    fn offer(&self, job: Job);

    /// Does some other work that waits, on this thread; `false` where there is none.
    fn other_work(&self) -> bool;

    /// Reserves so many bytes of memory for work in flight; `false` where they are not to be had.
    fn reserve(&self, bytes: usize) -> bool;

    /// Gives back what was reserved.
    fn give_back(&self, bytes: usize);
}

/// Nobody helps.
pub struct Alone;

impl Hands for Alone {
    fn count(&self) -> usize {
        1
    }

    fn offer(&self, _: Job) {}

    fn other_work(&self) -> bool {
        false
    }

    fn reserve(&self, _: usize) -> bool {
        false
    }

    fn give_back(&self, _: usize) {}
}
