use super::*;
use crate::model::time::Assumed;

fn told(times: &[(i64, Assumed)]) -> Stretch {
    let of = |cuts: &[usize]| {
        let mut all = Stretches::default();
        let mut ends: Vec<usize> = cuts.to_vec();
        ends.push(times.len());
        let mut begin = 0;
        let mut parts = Vec::new();
        for end in ends {
            let mut one = Stretch::default();
            for (at, (secs, assumed)) in times.iter().enumerate().take(end).skip(begin) {
                one.see(at as u64, Stamp { at: Instant::from_secs(*secs).unwrap(), assumed: *assumed });
            }
            parts.push((begin as u64, end as u64, one));
            begin = end;
        }
        // Blocks end in any order.
        let last = parts.len() - 1;
        parts.swap(0, last);
        parts.into_iter().for_each(|(begin, end, one)| all.add(begin, end, one));
        all.take()
    };
    let whole = of(&[]);
    for cut in 1..times.len() {
        assert_eq!(of(&[cut]), whole, "cut at {cut}");
    }
    let third = times.len() / 3;
    for cuts in [vec![third, third + 1, third + 3], vec![1, 2, 3], (1..times.len()).collect()] {
        assert_eq!(of(&cuts), whole, "{cuts:?}");
    }
    whole
}

fn of(secs: impl IntoIterator<Item = i64>, assumed: Assumed) -> Vec<(i64, Assumed)> {
    secs.into_iter().map(|secs| (secs, assumed)).collect()
}

#[test]
fn a_clock_that_was_set_back_is_told_and_a_record_that_came_late_is_not() {
    let minute = |n: i64| n * 60;
    let set = of((0..40).chain(20..60).map(minute), Assumed::Nothing);
    let steps = told(&set);
    let step = steps.set_back()[0];
    assert_eq!((steps.set_back().len(), step.at, step.back_micros()), (1, 40, 19 * 60 * SECOND));
    let late = of((0..40).map(|n| if n % 13 == 12 { n - 10 } else { n }).map(minute), Assumed::Nothing);
    assert_eq!(told(&late).set_back(), &[]);
    // Of a log that is never in order nothing is told.
    let disorder = of((0..400).chain(200..600).map(|n| n * 60 - n % 2 * 90), Assumed::Nothing);
    assert_eq!(told(&disorder).set_back(), &[]);
    // Nor of one that is sorted by something else first.
    let sorted = of((0..40).flat_map(|user| (0..200).map(move |n| n * 900 + user)), Assumed::Nothing);
    assert_eq!(told(&sorted).set_back(), &[]);
}

#[test]
fn a_clock_that_began_anew_is_told_however_few_records_it_dated() {
    const YEAR: i64 = 1_767_225_600;
    const DAY: i64 = 24 * HOUR_SECS;
    let spring = |from: i64| (0..40).map(move |n| YEAR + (80 + from) * DAY + n * 60);
    for (reset, assumed) in
        [(0, Assumed::Nothing), (YEAR, Assumed::Nothing), (YEAR - 5 * 3600, Assumed::Zone), (YEAR, Assumed::Year)]
    {
        let times = of(spring(0).chain([reset, reset + 20, reset + 40]).chain(spring(1)), assumed);
        let steps = told(&times).set_back();
        assert_eq!(steps.iter().map(|step| step.at).collect::<Vec<_>>(), [40], "{reset}");
        assert_eq!(told(&times).begins(), Some(times[0].0).and_then(Instant::from_secs));
    }
    let autumn = of(
        (0..40).map(|n| YEAR + 300 * DAY + n).chain([YEAR, YEAR + 9]).chain((0..40).map(|n| YEAR + 301 * DAY + n)),
        Assumed::Year,
    );
    assert_eq!((told(&autumn).set_back().len(), told(&autumn).turns_of_year().len()), (1, 0));
    let elsewhere = of(spring(0).chain([YEAR + 40 * DAY, YEAR + 40 * DAY + 20]).chain(spring(1)), Assumed::Nothing);
    assert_eq!(told(&elsewhere).set_back(), &[], "a late record of another day");
    let january = of((0..40).map(|n| YEAR + n * 60).chain(spring(0)), Assumed::Nothing);
    assert_eq!(told(&january).set_back(), &[], "a log that begins in January and falls silent");
}

#[test]
fn a_log_without_years_goes_on_into_another_one() {
    const DAY: i64 = 24 * HOUR_SECS;
    // As it was read: all in the year before its end.
    let read = |n: i64| n.rem_euclid(365) * DAY;
    let months = told(&of((300..1000).step_by(5).map(read), Assumed::Year));
    assert_eq!(months.turns_of_year().len(), 2);
    // A clock that begins anew is right again by one step.
    let clock = [300, 300, 301, 0, 0, 0, 301, 302].map(|day| day * DAY);
    assert_eq!(told(&of(clock, Assumed::Year)).turns_of_year(), []);
    assert_eq!(told(&of((300..1100).map(read), Assumed::Nothing)).turns_of_year(), [], "its years are written");
}

#[test]
fn records_of_another_host_whose_clock_is_wrong_by_months_are_no_turn_of_the_year() {
    const DAY: i64 = 24 * HOUR_SECS;
    let turns = |days: &[i64]| -> Vec<u64> {
        let steps = told(&of(days.iter().map(|day| day * DAY), Assumed::Year)).turns_of_year();
        steps.iter().map(|step| step.at).collect()
    };
    let none: [u64; 0] = [];
    assert_eq!(turns(&[60, 90, 350, 90, 91, 120, 340]), none, "one ahead");
    assert_eq!(turns(&[60, 350, 61, 62, 351, 62, 63, 352, 64]), none, "again and again");
    assert_eq!(turns(&[60, 280, 281, 2, 282, 283]), none, "one behind");
    // A year and a half, as it was read, and in it records that are ahead.
    assert_eq!(turns(&[280, 364, 0, 30, 350, 31, 60]), [2]);
    assert_eq!(turns(&[100, 330, 101, 200, 364, 0, 30, 60]), [5]);
}

#[test]
fn the_hour_that_comes_twice_begins_anew_where_the_times_go_back() {
    let hour = |from: i64| (0..6).map(move |n| from + n * 600);
    let mut times = of(hour(0), Assumed::ZoneGiven);
    times.extend(of(hour(3600).chain(hour(3600)), Assumed::Twice));
    times.extend(of(hour(3 * 3600), Assumed::ZoneGiven));
    let once = told(&times);
    assert_eq!(once.repeats().iter().map(|step| step.at).collect::<Vec<_>>(), [12]);
    // As far back as there, records are written late in this log.
    times.extend(of([4 * 3600, 4 * 3600 - 3300, 5 * 3600], Assumed::ZoneGiven));
    assert_eq!(told(&times).repeats(), []);
    // Two such steps in one hour.
    let mut twice = of(hour(0), Assumed::ZoneGiven);
    twice.extend(of(hour(3600).chain(hour(3600)).chain(hour(3600)), Assumed::Twice));
    assert_eq!(told(&twice).repeats(), []);
    // Read from its end every record is a step back, and the longest is no begin of an hour.
    let backwards: Vec<_> = times[..24].iter().rev().copied().collect();
    assert_eq!(told(&backwards).repeats(), []);
}
