//! A bearer that LTE gave unasked: by the configured access point, or brought to it, or told.

use crate::bench::{Bench, Setup};
use shunt_lab::modem::{Network, Profile};
use shunt_recovery::Happening;

/// With a name that the modem does not have stored: by default it gets the subscription's own.
async fn verified(profile: Profile, network: Network, apn: &'static str) -> Bench {
    let bench = Bench::new(Setup { profile, network, apn, ..Setup::default() });
    bench.verified().await;
    bench
}

fn seen(bench: &Bench) -> (Option<String>, usize, u32) {
    bench.act(|modem, _| (modem.granted().map(str::to_owned), modem.bearers(), modem.counts().radio_cycles))
}

#[tokio::test]
async fn a_bearer_by_another_access_point_is_brought_to_the_configured_one() {
    let bench = verified(Profile::plain(), Network::default(), "iot.example").await;
    assert_eq!(bench.state.borrow().way, "+CGACT");
    let granted = Some("iot.example.mnc001.mcc262.gprs".to_owned());
    assert_eq!(seen(&bench), (granted, 2, 0));
    assert_eq!(bench.state.borrow().other_access_point, None);
}

/// The machine would wait minutes for a bearer that comes up by no word of its own.
#[tokio::test]
async fn an_interface_that_was_put_onto_another_access_points_context_is_brought_to_the_configured_one_at_once()
 {
    let bench = verified(Profile::quick(), Network::default(), "iot.example").await;
    assert_eq!(bench.state.borrow().way, "+QNETDEVCTL");
    assert_eq!(seen(&bench).0.as_deref(), Some("iot.example.mnc001.mcc262.gprs"));
    let rungs = bench.journal().into_iter().filter(|entry| matches!(entry.what, Happening::RungBegan { .. }));
    assert_eq!(rungs.count(), 0, "{:#?}", bench.journal());
}

#[tokio::test]
async fn a_last_context_that_cannot_be_ended_is_brought_to_it_by_attaching_anew() {
    let profile = Profile { keeps_last: true, ..Profile::plain() };
    let bench = verified(profile, Network::default(), "iot.example").await;
    let granted = Some("iot.example.mnc001.mcc262.gprs".to_owned());
    assert_eq!(seen(&bench), (granted, 2, 0));
}

#[tokio::test]
async fn the_same_name_in_other_letters_and_with_its_operator_costs_no_bearer() {
    let bench = verified(Profile::plain(), Network::default(), "Internet").await;
    assert_eq!(seen(&bench), (Some("internet.mnc001.mcc262.gprs".to_owned()), 1, 0));
    assert_eq!(bench.heard.lock().unwrap().bearers.len(), 1);
}

#[tokio::test]
async fn a_login_is_stored_for_the_next_time_and_costs_no_bearer() {
    let login = Some(("me", "secret"));
    let bench = Bench::new(Setup { profile: Profile::plain(), login, ..Setup::default() });
    bench.verified().await;
    assert_eq!(seen(&bench).1, 1);
    let stored = bench.act(|modem, _| modem.login().map(|(user, word)| (user.to_owned(), word.to_owned())));
    assert_eq!(stored, Some(("me".to_owned(), "secret".to_owned())));
}

#[tokio::test]
async fn a_network_that_gives_another_access_point_is_told_and_its_bearer_used() {
    let network = Network { forced_apn: Some("forced".into()), ..Network::default() };
    let bench = verified(Profile::plain(), network, "iot.example").await;
    let forced = "forced.mnc001.mcc262.gprs";
    assert_eq!(bench.state.borrow().other_access_point.as_deref(), Some(forced));
    // By itself; anew by context, by attachment and by radio; and that is all.
    assert_eq!(seen(&bench), (Some(forced.to_owned()), 4, 1));
    let commands = bench.state.borrow().counters.commands;
    bench.until("many more commands", |state| state.counters.commands >= commands + 40).await;
    assert_eq!(seen(&bench), (Some(forced.to_owned()), 4, 1));
}
