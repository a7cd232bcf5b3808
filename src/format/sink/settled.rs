//! What follows from several fields of a record, once all of them are in.

use super::super::halves::Half;
use super::super::roles::Role;
use super::super::{proxied, time};
use super::{APART, Sink, host_end, part};
use crate::model::fields::Canon;

impl Sink<'_, '_> {
    /// All fields of the record are in: gives what counts in a record of HTTP, or of flows, only, and the time that stands in several.
    pub fn settle(&mut self) {
        if let [Some(date), Some(clock), zone] = self.apart {
            let [date, clock] = [date, clock].map(|text| self.out.bytes(text));
            let zone = zone.and_then(|zone| time::offset(self.out.bytes(zone)));
            let stamp = time::date_and_time(date, clock, zone, self.layout);
            self.time(APART, stamp);
        }
        for (role, canon, value) in std::mem::take(&mut self.pending).into_iter().flatten() {
            let counts = match role {
                Role::Flow(_) => {
                    self.out.get(Canon::EventDataset).is_none_or(|kind| matches!(kind, b"flow" | b"netflow"))
                }
                _ => self.out.get(Canon::HttpMethod).is_some(),
            };
            if !counts || self.out.get(canon).is_some() {
                continue;
            }
            let bytes = self.out.bytes(value);
            let digits = bytes.iter().all(u8::is_ascii_digit);
            match canon {
                Canon::HttpStatus if digits && bytes.len() == 3 => self.canon(canon, value),
                Canon::SourceBytes | Canon::DestinationBytes if digits => self.canon(canon, value),
                Canon::UrlDomain => {
                    let (from, to) = host_end(bytes);
                    self.canon(canon, part(value, from, to));
                }
                _ => {}
            }
        }
        self.forwarded();
        self.name_by_key();
    }

    /// All fields are in: a request that names no account has that of the key by which it was let in.
    pub fn name_by_key(&mut self) {
        if let Some(key) = self.key.take().filter(|_| !self.out.has(Canon::UserName)) {
            self.canon(Canon::UserName, key);
        }
    }

    /// Names the client of a request for which a proxy or balancer of our own asked in place of that one. Its own address stays
    /// under the name that it has in the log.
    fn forwarded(&mut self) {
        let Some(list) = self.forwarded.take().filter(|_| self.out.get(Canon::HttpMethod).is_some()) else { return };
        let Some(peer) = self.out.get(Canon::SourceIp) else { return };
        let bytes = self.out.bytes(list);
        let Some(client) = proxied::client(peer, bytes) else { return };
        let from = client.as_ptr() as usize - bytes.as_ptr() as usize;
        let client = part(list, from, from + client.len());
        self.out.supersede(Canon::SourceIp);
        self.canon(Canon::SourceIp, client);
    }

    /// All fields of a record of a connection are in: a side of which no packet was seen sent an unknown number of bytes, and
    /// not 0.
    pub fn forget_unseen(&mut self) {
        let canon = match self.halves {
            Some(Half::Originator) => Canon::SourceBytes,
            Some(Half::Responder) => Canon::DestinationBytes,
            None => return,
        };
        if self.out.number(canon) != Some(0) {
            return;
        }
        self.disown(canon);
    }

    /// A canonical name was no right one. Where all fields are wanted, what stands in the log stays under its own name.
    pub fn disown(&mut self, canon: Canon) {
        if self.all { self.out.supersede(canon) } else { self.out.forget(canon) }
    }

    /// All fields of a record of a connection are in: where the sensor saw all of it, a side sent no more than its packets have. What
    /// is counted from sequence numbers is more where a packet bore one of no connection.
    pub fn bound_by_packets(&mut self) {
        let packets = std::mem::take(&mut self.packets).into_iter().flatten();
        let is_whole = self.is_whole;
        for (canon, packets) in packets.filter(|_| is_whole) {
            let most = std::str::from_utf8(self.out.bytes(packets)).ok().and_then(|text| text.parse::<u64>().ok());
            if most.zip(self.out.number(canon)).is_none_or(|(most, told)| told <= most) {
                continue;
            }
            if self.all {
                self.out.supersede(canon)
            } else {
                self.out.forget(canon)
            }
            self.canon(canon, packets);
        }
    }

    /// The number of the process ties the record to others, where its definition says so.
    pub fn tie_by_process(&mut self) {
        if let Some(process) = self.process.filter(|_| self.out.of_process) {
            self.canon(Canon::SessionId, process);
        }
    }
}
