//! Which kinds of access to data the records of a cloud service are about: much of it is logged only where that is switched on.

use serde::{Deserialize, Serialize};

/// Kinds of access that records are about, as a set. The join is the union.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Access(u16);

impl Access {
    /// Nothing that is told apart.
    pub const NONE: Self = Self(0);
    /// Calls that change or list what there is, which a service logs without being asked.
    pub const MANAGEMENT: Self = Self(1);
    /// Calls that read or write the data itself, which it logs where that is switched on.
    pub const DATA: Self = Self(1 << 1);
    /// What a service logs of a kind for which there is no such switch.
    pub const OTHER: Self = Self(1 << 2);
    /// What was done in a mailbox, but for reading in it.
    pub const MAILBOX: Self = Self(1 << 3);
    /// Mails that were read.
    pub const MAIL_READ: Self = Self(1 << 4);
    /// Sign-ins, and calls about how a service or a store is set up, that a log holds beside what was done with data.
    pub const ADMINISTRATION: Self = Self(1 << 5);
    /// Calls that a service logs without being asked, as those of management, and that give what it keeps all the same: a secret, an image, a log.
    pub const GIVES: Self = Self(1 << 6);
    /// Calls for what a provider of a cloud gives to anybody. Stays in the record that says so.
    pub const PUBLIC: Self = Self(1 << 7);
    /// Sign-ins to a directory, which many services make use of: they tell of none of these what was done there.
    pub const SIGN_INS: Self = Self(1 << 8);

    /// Adds kinds.
    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The same without these.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it has all of these.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether it is about nothing.
    pub fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// Whether all records are of management or sign-ins, so that nothing is told of what was read in stores.
    pub fn is_of_management_alone(self) -> bool {
        let told = self.without(Self::GIVES);
        !told.is_none() && told.without(Self::MANAGEMENT).without(Self::SIGN_INS).is_none()
    }

    /// Whether all records are of sign-ins.
    pub fn is_of_sign_ins_alone(self) -> bool {
        self == Self::SIGN_INS
    }

    /// Whether mailboxes were at work and no mail was read, by what is logged.
    pub fn lacks_reads_of_mail(self) -> bool {
        self.0 & Self::MAILBOX.0 != 0 && self.0 & Self::MAIL_READ.0 == 0
    }
}
