//! The rules of judgement, all of them, in one table. `CLAUSES.md` shows the same to people.

use crate::model::verdict::State;

/// One rule of judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// Stable id.
    pub id: &'static str,
    /// What it says.
    pub text: &'static str,
    /// The state that it gives to the scope as a whole, besides what it says of single ways out.
    pub base: Option<State>,
    /// Whether a reason of this clause says on how many findings it stands, because its words do not.
    pub counted: bool,
}

const fn clause(id: &'static str, text: &'static str) -> Clause {
    Clause { id, text, base: None, counted: false }
}

impl Clause {
    const fn gives(self, state: State) -> Self {
        Self { base: Some(state), ..self }
    }

    const fn counted(self) -> Self {
        Self { counted: true, ..self }
    }
}

/// The clause of this id.
pub(super) fn by_id(id: &str) -> Option<&'static Clause> {
    CLAUSES.iter().find(|c| c.id == id)
}

/// All clauses, by id.
pub const CLAUSES: &[Clause] = &[
    clause(
        "J-01",
        "a rule of level high or above whose action succeeded shows intrusion; data leaving or being packed does not by itself, nor does a remote session between own systems",
    )
    .gives(State::IntrusionOnly),
    clause(
        "J-02",
        "a blocked outbound transfer or call home from inside, by a rule of level high or above, shows intrusion",
    )
    .gives(State::IntrusionOnly),
    clause("J-03", "contact from inside to a listed value is a suspicion, never proof").gives(State::Attempted),
    clause(
        "J-04",
        "attacks by rules of level high or above of which no success is seen, and contact from a listed address or with another listed value in its record, are attempts",
    )
    .gives(State::Attempted),
    clause("J-05", "what lesser rules find, and no other clause takes up, is background: counted, not judged"),
    clause(
        "J-06",
        "a collection, staging or exfiltration finding of level high or above that succeeded, and contact of the same host with a listed value outside, or contact or logon of the same account, on that day or the one before or after it (UTC), together show intrusion; a visit from a listed address does not",
    )
    .gives(State::IntrusionOnly),
    clause(
        "J-07",
        "attacks by rules of level medium of which no success is seen, or of which a web server's answer proves none, are attempts and not background where they are aimed: from inside, from a listed address, on an account that is known to exist or of the scope's realm, or, by one source on one target within a day, of two rules or more or ten times or more; looking around alone is background",
    )
    .gives(State::Attempted),
    clause(
        "J-08",
        "a finding of level high or above that succeeded and shows neither intrusion nor data, and an attack by a rule of level medium that succeeded and comes from who is listed or from who attacks the scope (J-04, J-07), are suspicions, never proof",
    )
    .gives(State::Attempted),
    clause(
        "J-09",
        "a finding of level medium that succeeded, within a day before movement that nothing explains or during it, on the host that moved the data, is a suspicion, never proof",
    ),
    clause(
        "J-10",
        "1 MiB or more served to one address of a successful intruder, or to those together that were each served less, from then on or from its first attack by a rule of level medium or above within the hour before, is data that left",
    ),
    clause(
        "J-11",
        "an upload by a host or account of an intrusion, or to the address from which it came, from then on and within 30 days, to a destination that findings name or to that address (1 MiB), of 50 MiB to one name (registered domain) or address, or of 200 MiB by one way out to all others together, is data that left",
    ),
    clause(
        "J-12",
        "less than 1 MiB but 64 KiB or more served to one address of a successful intruder, or to those together that were each served less, is data that was shown; neither this nor J-10 counts pages, and what a store gives without an account, of which five others or more, and half of them, were served as much with the same kinds of data, unless a log of the same service shows the way in",
    ),
    clause(
        "J-13",
        "collection, staging and exfiltration findings that succeeded, and credential findings of a technique that takes credentials from where they lie or has them handed out (not one that guesses, tricks, forges or prepares), with intrusion shown, are data accessed",
    )
    .counted(),
    clause(
        "J-14",
        "bytes without a time, those of records of connections that began before the intrusion and ended after it, and those of the hour in which it began of which the logs kept do not tell whether they left before it, count towards the upper bound only, and leave the route open where a state hangs on them",
    ),
    clause(
        "J-15",
        "a collection, staging or exfiltration finding of level medium that succeeded, or of level low that counts 100 records or more, from the first sign of a shown intrusion on, by its address or, where no outside address is named, its host or account, is data accessed",
    )
    .counted(),
    clause(
        "J-16",
        "bytes that may be no more than the talk of an intruder with its tools are not data that left, and leave the route open: under 50 MiB to a destination of call-home findings of which less than 1 MiB stands out above the usual hour in 12 hours or more, or to the intruder's address by a way out where commands and data look the same",
    ),
    clause(
        "J-17",
        "an upload by a host or account of an intrusion, from then on and within 30 days, of which a finding of level medium or above says that the other side took it, and of which the logs do not state the bytes, is data that left; how much is not known",
    ),
    clause(
        "J-20",
        "50 MiB or more within 24 hours, or 500 MiB in all, from one host to one outside name (registered domain) or address, and 200 MiB or 1 GiB from one host by one way out to all others together, that nothing authorises and nothing ties to intrusion are unexplained; of what one outside address reads from own cloud services, 1 GiB within 24 hours or 10 GiB in all",
    ),
    clause(
        "J-21",
        "a sanctioned entry of which all keys match explains a transfer; traffic logs do not tell the tool, so an entry that names one matches none; an entry for the destination of which another key does not match is named as rejected, and so is one for the host or account of which all but the destination matches",
    ),
    clause("J-22", "a sanctioned entry does not explain the transfer of a host or account that shows intrusion"),
    clause(
        "J-23",
        "collection, staging or exfiltration findings of level high or above, or of level medium where a listed address is their source and no web server merely answered it, without intrusion and without a sanctioned transfer of the same host or account are unexplained",
    )
    .counted(),
    clause(
        "J-24",
        "1 MiB or more of names asked for within 24 hours, or 10 MiB in all, by one client below one registered domain is unexplained; a DNS log shows no other bytes",
    ),
    clause(
        "J-25",
        "1 MiB or more from one host to a listed destination that nothing authorises is unexplained, and so is what one of our cloud or file services gave a listed address that asked, unless others are given as much without an account (J-12), and a tunnel of one through which a gateway says that so much went, or how much it does not say for sure; the listing makes it likelier and proves no intrusion",
    ),
    clause("J-30", "a promised log that is not there, or not for its whole period, leaves open the routes that it would have shown and no other log does"),
    clause(
        "J-31",
        "a log that was cleared, lacks records between others by their numbers, falls silent for a day or more, or for an hour or more in which it would have 30 records if it were as quiet as it ever is, of which no other log tells, could not be read (1 % of its records or bytes, or more; of a log of lines ten records, or a quarter of them), ends where exports of its kind end (rows of a query or spreadsheet, characters of a cell) or says that there is more than lies here, does not tell of all mail that was read (of what cloud services gave) or holds more conversations or grave hits than are kept leaves its routes open; one that nobody's paths claim may be anybody's",
    ),
    clause(
        "J-32",
        "after intrusion, bytes at the edge must be observed for its whole period, which must be known",
    ),
    clause("J-33", "a scope of which no log shows a way out cannot be judged"),
    clause(
        "J-34",
        "while shared or unattributed systems hold data that was accessed or moved without an explanation, no scope is clean",
    ),
    clause(
        "J-35",
        "a log that shows a way out, but not the bytes that leave by it, leaves it open unless another log states them for the same time, and so does one of a web server that answered ten attacks or more of one address, or one by a rule of level high, and one of a cloud service that tells of management alone and of nothing that was read, where an intruder is shown or the service let in who is listed, unless another log of that service tells of reads",
    ),
    clause("J-36", "a remote session that shows an intrusion leaves remote access open: no log states what it showed"),
    clause(
        "J-37",
        "a collection, staging or exfiltration finding of level high or above of which the log does not say whether it succeeded leaves its route open",
    ),
    clause(
        "J-38",
        "after intrusion, a proxy that flow records show in use and of which no log of that time is there leaves open the ways out that lead through it: at the edge its clients cannot be told apart",
    ),
    clause(
        "J-39",
        "a way out whose logs have no times, or dates that may be of two days, or end more than a day before the incident was noticed, is open",
    ),
    clause("J-40", "intrusion is shown and no access to data or movement is seen"),
    clause("J-41", "where hits alone were looked for, no way out was examined, and no scope can be judged by what moved"),
    clause(
        "J-50",
        "1 KiB or more in the names that a DNS tunnel of a host or account of an intrusion asked for, from then on and within 30 days, is data that left",
    ),
    clause(
        "J-51",
        "a DNS tunnel of a host or account of an intrusion whose names are not filled with data may be no more than its talk, and leaves the route open",
    ),
    clause("J-52", "a DNS tunnel whose names are filled with data, that nothing authorises and nothing ties to intrusion, is unexplained"),
    clause(
        "J-53",
        "a DNS tunnel whose names are not filled with data, and a beacon, or a connection of eight hours or more to a destination of few hosts, of a host of which another finding speaks that is no background, are suspicions, never proof; a sanctioned entry for the destination explains such calls, and alone they are background",
    )
    .gives(State::Attempted),
    clause(
        "J-60",
        "a finding of level medium or above that files were written to removable storage, by its host or account from the first sign of a shown intrusion on, is data that left; how much is not known",
    ),
    clause(
        "J-64",
        "even calls to one service, or names that hold data below one domain, by so many hosts that they are no sign, are a question to ask where a host of a shown intrusion is among them: a service that all use, or one program on all of them",
    ),
    clause(
        "J-70",
        "an object that the user's catalogue names, given to an address of a shown intruder or in a finding that succeeded and is of the intruder, from its first sign on, is data accessed, however few bytes it has",
    )
    .counted(),
    clause(
        "J-71",
        "kinds of data that the catalogue or their own values tell, in what counts as exfiltrated or accessed, left or were accessed with it",
    ),
    clause(
        "J-72",
        "kinds of data that the catalogue or their own values tell, in movement that is unexplained, are named and not called lost",
    ),
    clause(
        "J-73",
        "a kind of data that only the name of an object sounds like is a hint of where to look; it gives no state",
    ),
    clause(
        "J-80",
        "a host inside that a session by a rule of level medium or above, which succeeded, reached from a host of a shown intruder is the intruder's from then on, and so is what is reached from it; sessions of one time are not taken to follow each other",
    ),
    clause(
        "J-81",
        "an address that a VPN gateway or DHCP server gave to one alone for all the time asked for, as its log says, to which firewalls translated that of one host alone, or from which one account alone was at work on others (not one of nine computers or more on that day), is that one's, whatever host the inventory has for the address, and so is what the address stands for to which a firewall translated it: what an address of a session that came from an intruder's address or by its account was served counts as J-10 and J-12 say, and what the address of a session or host of an intruder sends as J-11 says",
    ),
    clause(
        "J-82",
        "of 64 KiB or more that went from or to an address which the intruder may have held then, and another one too, or which its log does not cover all the time, it is not known whose they are, and the route is open; where an address stands for hosts behind a firewall, what logs tell of these to the same destination is judged there, and counts once",
    ),
    clause(
        "J-83",
        "a proxy to which one client sent 1 MiB or more, or it is not logged how much, in a time of which no log of it is there, leaves open the ways out that lead through it: where that went is not known",
    ),
    clause(
        "J-84",
        "what nothing explains is likely to be a compromise of data where a suspicion is of the host or account that moved it, from a day before on, or of where it went, and tells of more than data that was packed or sent; a suspicion of others leaves it a realistic possibility",
    ),
    clause(
        "J-85",
        "what a listed address read is unexplained too where 20 records or more of a cloud service that knew it by an account do not state their bytes, and of what a web server served it from 50 MiB within 24 hours or 500 MiB in all on, if no more than one in 20 of the server's other visitors was served as much: pages are for everybody; and so is as much that it served an address at which a script gathered pages, by findings of level medium or above",
    ),
    clause(
        "J-86",
        "an address, account or host of a shown intruder is the intruder's in every scope: one that is shown in another scope and, from then on and within 30 days of its last sign there, is let in by a cloud service or gateway that names its account, is served or sent 64 KiB or more, or is in a finding of level medium or above (or of level low, as J-15 says) that succeeded, shows intrusion, where it was not served as others are (J-12) and no account of that scope was at that address on five days or more before the first sign; an account only with its realm, and by findings only; a host by findings about data that name it as their source",
    )
    .gives(State::IntrusionOnly),
    clause(
        "J-87",
        "what a cloud service that knew an intruder's address by an account gave it, in records that do not state their bytes or in fewer than J-12 asks for, is data accessed, and data that left where a finding of level medium or above says that it was taken, or whole folders of a mailbox were; how much is not known; what its account took from its address within a day before its first sign is of its session",
    ),
    clause(
        "J-88",
        "a correlation of level medium that succeeded and tells of 1000 records or more that one account took from a cloud service to outside in one go, of which no earlier one of that account is half as large, and such a finding of files written to removable storage, or of recordings of a telephone system taken to outside, however many records it counts, of which no earlier one of that account or address is half as large, is unexplained where nothing authorises it",
    ),
    clause(
        "J-89",
        "a system of a scope from which an intruder came that is shown in another scope shows intrusion there too; what else it does is not the intruder's by this, for many may be behind one address",
    )
    .gives(State::IntrusionOnly),
    clause(
        "J-90",
        "an action that shows intrusion, by an account on a host to which it was logged on, as the host's log says, was done from where that session came: of the session whose number the record gives, else where it is from one address alone, at work and not only for files over the network; that address is the intruder's too, as long as no log says that it was given to another, unless eight accounts or more were logged on from it then or the account to nine computers or more on that day",
    ),
    clause(
        "J-91",
        "ways out that firewalls or proxies refused to a host of a shown intruder, from its first sign on, within 30 days and while no log gives its address to another one, were tried: attempted, never exfiltrated",
    ),
    clause(
        "J-92",
        "what a host moved that nothing explains is told beside what its peers, five or more of its scope with its role in the inventory or else in its network of 256 addresses, sent on their busiest days, without what sanctioned entries explain: more than six times their spread above the median is a reason, what they send too is counter-evidence; neither changes the state",
    ),
    clause(
        "J-93",
        "1 MiB or more that one of our cloud or file services gave an account at an outside address, from which findings of level medium or above that did not fail say that a stranger came in by that account, or gave an outside address, without an account, that had opened it to others by such findings that succeeded, is unexplained where nothing authorises it; the findings make it likelier and prove no intrusion",
    ),
    clause(
        "J-94",
        "a secret that a cloud service handed out, as its record or the catalogue says, to an account at an address that is listed or a stranger's (J-93) is unexplained where nothing authorises it, however few there are and whatever bytes they have: it is lost by the act",
    ),
    clause(
        "J-95",
        "what an account of a shown intruder did with data, by a rule of level high or above that succeeded, within a day before the intruder's first sign, is the intruder's, which is taken to have begun then, and so is what was done on its host where the record names no account; not what a sanctioned transfer of the same host or account explains",
    ),
    clause(
        "J-96",
        "what a host or account of an intrusion sent to one place to which, on five days or more of the two weeks before the first sign, half as much or more went from it as on the busiest day since, is unexplained and not shown to have left by the intruder, unless findings name the place or the intruder came from there",
    ),
    clause(
        "J-97",
        "what accounts took from cloud and file services to one outside address (of IPv6, one network of 64 bits) at which no log of the service, reaching back for two weeks or more before, shows anybody, is unexplained where nothing authorises it and it is much: 50 MiB within 24 hours, for each hour at work 100 records that do not state their bytes or 20 stores of such, or 10 secrets, if it is more than these accounts had taken to all other outside addresses before, and no more than one in 20 of these was given as much",
    ),
];
