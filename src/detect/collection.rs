//! The documents of one file as rules: what `action` makes of them.
//!
//! SOURCE: Sigma specification 1, rule collections. `global` lays its keys over each rule behind it, `repeat` lays its own
//! over the rule before it, `reset` ends a `global`.

use super::yaml::{At, Node};

/// Most nodes that laying documents over each other may make in one file.
const MADE_LIMIT: usize = 1 << 20;

/// A document of its own, and whether it shares keys with others of its file.
pub(super) struct Whole {
    pub node: Node,
    pub shares: bool,
}

/// What stands for the documents to come.
#[derive(Default)]
pub(super) struct Collection {
    global: Option<Node>,
    previous: Option<Node>,
    made: usize,
    over: bool,
}

impl Collection {
    /// Takes the next document; `None` where it is no rule itself.
    pub fn take(&mut self, mut document: Node) -> Result<Option<Whole>, (At, String)> {
        let alone = document.get("correlation").is_some() || document.get("filter").is_some();
        let action = document.remove("action");
        let word = action.as_ref().map(|action| (action.at, action.scalar().unwrap_or_default()));
        match word.as_ref().map(|(at, word)| (*at, word.as_str())) {
            None if alone => Ok(Some(Whole { node: document, shares: false })),
            None => {
                let shares = self.global.is_some();
                let node = match self.global.take() {
                    Some(global) => {
                        let node = self.laid(document, &global);
                        self.global = Some(global);
                        node?
                    }
                    None => document,
                };
                self.previous = Some(node.clone());
                Ok(Some(Whole { node, shares }))
            }
            Some((_, "global")) => {
                self.previous = Some(document.clone());
                self.global = Some(document);
                Ok(None)
            }
            Some((_, "reset")) => {
                self.global = None;
                Ok(None)
            }
            Some((at, "repeat")) => {
                let Some(previous) = self.previous.take() else {
                    return Err((at, "action repeat, but no rule stands before it".to_owned()));
                };
                let node = self.laid(previous, &document)?;
                self.previous = Some(node.clone());
                Ok(Some(Whole { node, shares: true }))
            }
            Some((at, other)) => Err((at, format!("action {other:?} is none of global, reset, repeat"))),
        }
    }

    /// Lays a document over another, unless that makes too much. What it makes is no more than both.
    fn laid(&mut self, under: Node, over: &Node) -> Result<Node, (At, String)> {
        self.made += under.count() + over.count();
        if self.made > MADE_LIMIT {
            self.over = true;
            let what =
                format!("action global and repeat make more than {MADE_LIMIT} nodes: nothing from here on is read");
            return Err((under.at, what));
        }
        Ok(under.under(over))
    }

    /// Whether more was to be made than may be; the rest of the file is left unread.
    pub fn is_over(&self) -> bool {
        self.over
    }
}
