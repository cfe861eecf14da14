//! Each peer's rule against what its documentation says of a clean cut, worked out by hand.

use super::super::contest::run;
use super::super::weather::{Arrival, CALM, Climate, Effect, Kind, Length, Plan, Sky};
use super::*;
use shunt_decision::LinkId;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The first link is cut `after` the calm and for `time`; round trips take 10 and 40 ms, and nothing else goes wrong.
fn cut(after: Duration, time: Duration, seed: u64) -> Sky {
    let outage = Kind {
        effect: Effect::Loss,
        arrival: Arrival::Every(after),
        length: Length::LogUniform(time, time),
        depth: (1.0, 1.0),
    };
    let fair = |millis, kinds| Climate {
        rtt: Duration::from_millis(millis),
        jitter: Duration::ZERO,
        loss: 0.0,
        kinds,
        trace: None,
    };
    let climates = vec![fair(10, vec![outage]), fair(40, Vec::new())];
    Plan { name: "a cut".into(), climates }.draw(after + time + secs(200), seed)
}

/// How long it takes to leave, and to come back after the end, at the least and at the most.
fn times(contestant: Contestant) -> [f64; 4] {
    let (mut left, mut back) = (Vec::new(), Vec::new());
    for run_number in 0..40 {
        // Steps that no interval is a multiple of, over more than the longest cycle.
        let after = secs(450) + Duration::from_millis(537) * run_number;
        let time = secs(200) + Duration::from_millis(791) * run_number;
        let sky = cut(after, time, 77 + u64::from(run_number));
        let record = run(&sky, &|air| contestant.rules(air));
        let begins = Timestamp::ZERO + CALM + after;
        let ends = begins + time;
        assert_eq!(record.moves.len(), 2, "{contestant:?}: {:?}", record.moves);
        assert_eq!((record.moves[0].to, record.moves[1].to), (LinkId(1), LinkId(0)));
        assert!(record.moves[0].evidence >= Duration::from_millis(100));
        left.push(record.moves[0].at.since(begins).as_secs_f64());
        back.push(record.moves[1].at.since(ends).as_secs_f64());
    }
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    [least(&left), most(&left), least(&back), most(&back)]
}

/// A request that was under way when the cut began is lost as well: so much sooner the first loss may have been sent.
const UNDER_WAY: f64 = 0.011;

/// Leaves between the first two and comes back between the last two, and uses most of that room.
fn expect(contestant: Contestant, expected: [f64; 4]) {
    let measured = times(contestant);
    println!("{contestant:?}: {measured:.2?}");
    for (at_least, at_most, least, most) in [
        (expected[0], expected[1], measured[0], measured[1]),
        (expected[2], expected[3], measured[2], measured[3]),
    ] {
        assert!(
            least >= at_least - UNDER_WAY && most <= at_most,
            "{contestant:?}: {measured:.2?}, not {expected:?}"
        );
        assert!(most - least > 0.5 * (at_most - at_least), "{contestant:?}: {measured:.2?} of {expected:?}");
    }
}

#[test]
fn mwan3_needs_five_rounds_of_four_timeouts_and_four_pauses() {
    // 0 to 10 s until the next round; 5 rounds of 4 targets × 4 s; 4 pauses of 10 s. Back: 0 to 14 s until a round has two
    // answers (the cut ends in the third ping, after which only one is left: 4 s, and a pause), then four pauses.
    expect(Contestant::Mwan3, [120.0, 130.1, 40.0, 54.2]);
}

#[test]
fn mwan3_tuned_needs_two_rounds_of_two_timeouts_and_a_pause() {
    // 0 to 1 s until the next round, 2 rounds of 2 s, a pause of 1 s. Back: 0 to 2 s until a target answers, and a pause.
    expect(Contestant::Mwan3Tuned, [5.0, 6.1, 1.0, 3.1]);
}

#[test]
fn opnsense_needs_twelve_losses_of_sixty_each_four_seconds_old() {
    // The first loss 0 to 1 s after the cut, the twelfth 11 s later, four more until it counts, a poll within 1 s. Back:
    // the window must hold at most 12 losses of 60, thus 48 answers.
    expect(Contestant::OpnSense, [15.0, 17.0, 46.9, 49.1]);
}

#[test]
fn vyos_needs_one_timeout() {
    // 0 to 5 s until the next ping, 5 s for it, 40 ms for the other interface's. Back: the rest of a timeout and a pause.
    expect(Contestant::Vyos, [5.0, 10.1, 0.0, 10.2]);
}

#[test]
fn foolsm_needs_seven_in_a_row_beside_the_newest() {
    // The first loss 0 to 1 s after the cut, the eighth 7 s later, a decision within 1 s. Back: at most 5 losses of 100.
    expect(Contestant::Foolsm, [7.0, 9.0, 94.0, 96.1]);
}

#[test]
fn fortinet_needs_five_timeouts_half_a_second_apart() {
    expect(Contestant::Fortinet, [2.5, 3.0, 2.0, 2.6]);
}

#[test]
fn peplink_needs_three_timeouts_five_seconds_apart() {
    expect(Contestant::Peplink, [15.0, 20.0, 10.0, 15.1]);
}

#[test]
fn a_fixed_count_needs_three_intervals_since_the_last_answer() {
    expect(Contestant::FixedCount(Pace::NOMINAL), [1.0, 1.52, 1.0, 1.52]);
}

#[test]
fn shunt_is_itself() {
    let [_, slowest, first_back, _] = times(Contestant::Shunt);
    assert!(slowest < 1.0, "{slowest}");
    // The hold-down of a minute.
    assert!(first_back >= 60.0, "{first_back}");
}

#[test]
fn probe_bytes_are_what_the_schedule_says() {
    let sky = cut(secs(3_600), secs(200), 1);
    let bytes = |contestant: Contestant| run(&sky, &|air| contestant.rules(air)).bytes;
    // 4,300 s, 200 of them with one link's answers missing, two links. Fortinet: a ping each half second.
    let pings = 4_300 * 2 * 2;
    assert!(bytes(Contestant::Fortinet).abs_diff(2 * 84 * pings - 84 * 400) < 84 * 20);
    // OPNsense: a short one each second.
    assert!(bytes(Contestant::OpnSense).abs_diff(2 * 29 * 4_300 * 2 - 29 * 200) < 29 * 20);
}
