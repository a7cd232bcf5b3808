//! Whether the two numbers behind the user agent are those of Apache's `combinedio` (`%I %O`), which no name tells.
//!
//! Traps: `%D %O`, `%P %O` and others look alike, and a short time in microseconds is as long as a request. What bytes of requests alone
//! do: of one client's requests each is as much longer as its first line and its referrer are.

use super::line::{cut, referrer_and_agent, target};
use super::{input_and_output, is_count, number};

/// So many lines show it.
const LINES: usize = 8;
/// So many of them are told by what they ask for.
const TOLD_LINES: usize = 4;
/// One of so many lines is told so.
const TOLD_SHARE: usize = 4;
/// A request without a body is no longer.
const REQUEST_BYTES: u64 = 32 * 1024;
/// What the header has beside its value.
const REFERRER_BYTES: usize = b"Referer: \r\n".len();

/// A request without a body: who sent it, its bytes that the line does not show, and those that it does.
type Bare<'b> = (&'b [u8], &'b [u8], u64, u64);

/// Whether the first number is bytes received and the second bytes sent: each is long enough for all that its line tells, in all
/// lines, and in many requests of one client and agent the first grows by as much as the request does.
pub(super) fn is_shown(lines: &[&[u8]]) -> bool {
    let mut bare = Vec::new();
    let are_long_enough = lines.len() >= LINES && lines.iter().all(|line| keeps_to_it(line, &mut bare));
    are_long_enough && told_by_request(bare)
}

/// Whether the numbers of a line may be bytes of its request and of its answer.
fn keeps_to_it<'b>(line: &'b [u8], bare: &mut Vec<Bare<'b>>) -> bool {
    let Some(line) = cut(line) else { return false };
    let Some([input, output]) = input_and_output(&line).map(|both| both.map(number)) else { return false };
    let ([referrer, agent], _) = referrer_and_agent(line.tail);
    let agent = agent.filter(|agent| *agent != b"-").unwrap_or_default();
    let referrer = referrer.filter(|referrer| *referrer != b"-").map_or(0, |value| value.len() + REFERRER_BYTES);
    let told = (line.request.len() + referrer + agent.len()) as u64;
    let answered = if is_count(line.size) { number(line.size) } else { 0 };
    let Some(rest) = input.checked_sub(told).filter(|_| output > answered) else { return false };
    let is_bare = matches!(target(line.request), Some((b"GET" | b"HEAD", _)));
    if is_bare {
        bare.push((line.client, agent, rest, told));
    }
    !(is_bare && input > REQUEST_BYTES)
}

/// Whether in many lines the first number moves with what is asked for: of each client and agent those count that have the commonest
/// rest, if they ask for texts of different length.
fn told_by_request(mut bare: Vec<Bare<'_>>) -> bool {
    bare.sort_unstable();
    let told = |same: &[Bare<'_>]| if same[0].3 == same[same.len() - 1].3 { 0 } else { same.len() };
    let of_one = |requests: &[Bare<'_>]| requests.chunk_by(|a, b| a.2 == b.2).map(told).max().unwrap_or(0);
    let told: usize = bare.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).map(of_one).sum();
    told >= TOLD_LINES && told * TOLD_SHARE >= bare.len()
}
