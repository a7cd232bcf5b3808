//! What a server was asked for, and its answers further down, tied by the number of their session.
//!
//! ```text
//! >> [FTP Session 12 192.0.2.10 alice] RETR plans.zip
//! << [FTP Session 12 192.0.2.10 alice] 150 Starting data transfer.
//! << [FTP Session 12 192.0.2.10 alice] 226 Operation successful
//! ```
//!
//! What was refused moved nothing, and what broke off after it began may have moved all. Answers come one after the other (RFC 959,
//! 4.2): the first that is not preliminary tells what became of what was asked for last. What has none was not refused, as far as the log
//! tells. Of what was answered in its own block nothing is held; of a block those answers alone are that stand before anything that
//! was asked for.

use std::collections::BTreeMap;

use super::files;
use super::halves::{Half, Halves, Last, Reply, Told, What};
use super::ties::Taken;
use crate::model::fields::{Canon, Fields, Kind, Text};

/// What of a record that asks is kept until it is answered.
pub(super) const ASKED: [Canon; 12] = [
    Canon::SessionId,
    Canon::HostName,
    Canon::EventAction,
    Canon::SourceIp,
    Canon::SourceDomain,
    Canon::DestinationIp,
    Canon::DestinationPort,
    Canon::DestinationDomain,
    Canon::UserName,
    Canon::UserDomain,
    Canon::EventDuration,
    Canon::FilePath,
];

/// What a record answers; `None` where it is no answer.
pub(super) fn reply(fields: &Fields<'_>) -> Option<Reply> {
    match fields.get(Canon::EventCode)? {
        // Of what broke off a part may have moved, whether or not the log has that it began.
        _ if fields.number(Canon::EventCode).is_some_and(|code| files::BROKE_OFF.contains(&code)) => Some(Reply::Done),
        [b'1', b'0'..=b'9', b'0'..=b'9'] => Some(Reply::Begun),
        [b'2' | b'3', b'0'..=b'9', b'0'..=b'9'] => Some(Reply::Done),
        [b'4' | b'5', b'0'..=b'9', b'0'..=b'9'] => Some(Reply::Refused),
        _ => None,
    }
}

/// What was asked for in the block at hand, and what became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    /// The half that asks.
    index: usize,
    /// Its record.
    pub(super) told: Told,
    /// Whether nothing of it came to be.
    is_refused: bool,
}

impl Answered {
    /// Reads the record that asks, with what became of it.
    pub(super) fn read(&self, halves: &Halves, out: &mut Fields<'static>) {
        out.clear();
        for (canon, value) in halves.get(self.index).values() {
            let value = out.store(value);
            out.push_text(Some(canon), Text::Slice(b""), value, Kind::Str);
        }
        if self.is_refused {
            out.push(Some(Canon::EventOutcome), b"", b"failure", Kind::Str);
        }
        (out.observer, out.time) = (self.told.observer, self.told.time);
    }
}

/// The last half of each session in the block at hand.
#[derive(Debug, Default)]
pub(super) struct Asked(Last);

impl Asked {
    /// The last half was asked for; gives what was before it under its number, if that had no answer.
    pub(super) fn ask(&mut self, halves: &mut Halves, told: Told) -> Option<Answered> {
        let index = halves.len().checked_sub(1)?;
        let before = self.0.get(halves, halves.get(index).number);
        halves.set(index, What::Asked { told, begun: false, is_first: before.is_none() });
        self.0.set(halves, index);
        settle(halves, before?, None)
    }

    /// What an answer under a number settles; `Err` where it may be of what was asked for before the block, and is to be held.
    pub(super) fn answer(
        &mut self,
        halves: &mut Halves,
        number: &[u8],
        reply: Reply,
    ) -> Result<Option<Answered>, Reply> {
        let Some(last) = self.0.get(halves, number) else { return Err(reply) };
        match (halves.get(last).what, reply) {
            (What::Asked { told, is_first, .. }, Reply::Begun) => {
                halves.set(last, What::Asked { told, begun: true, is_first });
                Ok(None)
            }
            (What::Asked { .. }, reply) => Ok(settle(halves, last, Some(reply))),
            (What::Answered(Reply::Begun), Reply::Done | Reply::Refused) => Err(reply),
            _ => Ok(None),
        }
    }

    /// The last half is an answer that is held.
    pub(super) fn hold(&mut self, halves: &Halves) {
        self.0.set(halves, halves.len() - 1);
    }

    /// The block is done.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Settles what was asked for, with its answer or without.
fn settle(halves: &mut Halves, index: usize, reply: Option<Reply>) -> Option<Answered> {
    let What::Asked { told, begun, is_first } = halves.get(index).what else { return None };
    halves.set(index, What::Settled { is_first });
    Some(Answered { index, told, is_refused: reply == Some(Reply::Refused) && !begun })
}

/// What was asked for in any block and has no answer yet, by its number.
#[derive(Default)]
pub(super) struct Waiting<'h>(BTreeMap<&'h [u8], (Taken<'h>, bool)>);

impl<'h> Waiting<'h> {
    /// Goes on to the next half; gives what was asked for under its number where its fate is known by that.
    pub(super) fn next(&mut self, half: &Half<'h>) -> Option<Taken<'h>> {
        match half.what {
            What::Asked { told, begun, .. } => {
                let taken = Taken::of(half, told);
                self.0.insert(half.number, (taken, begun)).map(|(before, _)| before)
            }
            What::Settled { .. } => self.0.remove(half.number).map(|(before, _)| before),
            What::Answered(Reply::Begun) => {
                self.0.get_mut(half.number).into_iter().for_each(|(_, begun)| *begun = true);
                None
            }
            What::Answered(reply) => {
                let (taken, begun) = self.0.remove(half.number)?;
                Some(if reply == Reply::Refused && !begun { taken.refused() } else { taken })
            }
            What::Lent { .. } | What::Ended | What::Taken(_) => None,
        }
    }

    /// What was never answered.
    pub(super) fn rest(self) -> impl Iterator<Item = Taken<'h>> {
        self.0.into_values().map(|(taken, _)| taken)
    }
}
