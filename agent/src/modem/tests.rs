//! A reload, seen by the modems: who is started anew, who waits for whom.

use super::*;
use crate::api::modem::Readiness;
use crate::api::wire::Response;
use crate::state_file;
use tokio::sync::oneshot;

/// Longer than anything takes here, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn config(modems: &[(&str, String)]) -> Config {
    let one = |(name, keys): &(&str, String)| {
        format!(
            "[[link]]\nname = \"{name}\"\ninterface = \"{name}0\"\n\
             [[modem]]\nname = \"{name}\"\nlink = \"{name}\"\nport = \"/dev/absent-{name}\"\n{keys}\n"
        )
    };
    let text: String = modems.iter().map(one).collect();
    shunt_config::parse(&format!("targets = [\"192.0.2.1\"]\n{text}"), Path::new("test.toml")).unwrap()
}

fn plain(names: &[&'static str]) -> Config {
    config(&names.iter().map(|name| (*name, String::new())).collect::<Vec<_>>())
}

fn ids(modems: &Modems) -> Vec<ModemId> {
    modems.links().map(|(id, _)| id).collect()
}

async fn messages(modems: &Modems, id: ModemId) -> Response {
    let (reply, answer) = oneshot::channel();
    modems.ask(id, Ask { what: Wish::Messages, reply });
    timeout(DEADLINE, answer).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_reload_starts_those_anew_that_changed_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let mut modems = Modems::start(&plain(&["a", "b", "c"]), directory.path());
    let [a, b, c] = ids(&modems)[..] else { panic!() };
    let reloaded = modems.reload(&plain(&["a", "b", "c"]), directory.path());
    assert_eq!((ids(&modems), reloaded.ended.len()), (vec![a, b, c], 0));
    let new = config(&[("c", String::new()), ("b", "context = 3".into()), ("d", String::new())]);
    let reloaded = modems.reload(&new, directory.path());
    let [kept, anew, added] = ids(&modems)[..] else { panic!() };
    assert_eq!((kept, &reloaded.ended, &reloaded.anew), (c, &vec![a, b], &vec!["b".to_owned()]));
    assert!(![a, b, c].contains(&anew) && ![a, b, c].contains(&added));
    assert_eq!((modems.name(a), modems.name(b), modems.link(kept)), (None, None, Some("c")));
    for id in ids(&modems) {
        // The one that was started anew answers once the old one has let go; until then it says so.
        while let Err(error) = messages(&modems, id).await {
            assert!(error.message.contains("has not let go"), "{error:?}");
            tokio::task::yield_now().await;
        }
    }
    modems.close().await;
}

#[tokio::test]
async fn what_a_secret_file_holds_is_part_of_the_config() {
    let directory = tempfile::tempdir().unwrap();
    let pin = directory.path().join("pin");
    let config = config(&[("a", format!("pin_file = {pin:?}")), ("b", String::new())]);
    let mut modems = Modems::start(&config, directory.path());
    let mut before = ids(&modems);
    for text in ["4711\n", "4712\n"] {
        std::fs::write(&pin, text).unwrap();
        let reloaded = modems.reload(&config, directory.path());
        assert_eq!((reloaded.ended, reloaded.anew), (vec![before[0]], vec!["a".to_owned()]), "{text}");
        assert_eq!(ids(&modems)[1], before[1]);
        before = ids(&modems);
        assert!(modems.reload(&config, directory.path()).ended.is_empty(), "nothing changed since");
    }
    modems.close().await;
}

#[tokio::test]
async fn what_a_driver_knows_is_on_the_disk_when_the_agent_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("modem-a.json");
    let iccid = shunt_recovery::facts::Iccid::parse("8949020000012345678").unwrap();
    let cards = vec![shunt_recovery::CardUsage { iccid, month: None, bytes: 42 }];
    let saved = shunt_recovery::Saved { cards, rounds: 2, ..Default::default() };
    state_file::save(&file, &saved).unwrap();
    let modems = Modems::start(&plain(&["a"]), directory.path());
    let mut shown = modems.modems[0].shown.clone();
    timeout(DEADLINE, shown.wait_for(|shown| shown.state().is_some())).await.unwrap().unwrap();
    // As if the card had carried that since the last save: nothing of it is on the disk.
    std::fs::remove_file(&file).unwrap();
    modems.close().await;
    let kept: Option<super::kept::Kept> = state_file::load(&file).unwrap();
    let kept = kept.expect("it said its last word").resume();
    assert_eq!((kept.cards, kept.rounds), (saved.cards, 2));
}

/// As the first versions wrote it.
const FORMER: &str = r#"{"at":1767571200,"pins":[{"iccid":"8949020000012345678","salt":7,
    "digest":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}],"resets":[{"secs":60,"nanos":0}],"rounds":2,"blocks":[],
    "cards":[{"iccid":"8949020000012345678","month":null,"bytes":42}],"counted":{"received":40,"sent":2}}"#;

#[test]
fn what_the_first_versions_kept_is_read_and_no_attempt_of_a_pin_is_lost() {
    let kept: super::kept::Kept = serde_json::from_str(FORMER).unwrap();
    let saved = kept.resume();
    assert_eq!((saved.pins.len(), saved.pins[0].accepted), (1, None));
    assert_eq!((saved.resets.len(), saved.rounds, saved.cards[0].bytes), (1, 2, 42));
    assert_eq!(saved.counted, None, "counting begins with the next reading");
}

#[tokio::test]
async fn nobody_waits_for_a_modem_that_hangs_but_the_one_in_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let mut modems = Modems::start(&plain(&["a", "b"]), directory.path());
    // As if the thread of `a` hung in a write to the bus: its end is not told.
    let (hangs, ended) = thread::end();
    modems.modems[0].ended = ended;
    modems.reload(&config(&[("a", "context = 3".into()), ("b", String::new())]), directory.path());
    let [a, b] = ids(&modems)[..] else { panic!() };
    assert!(messages(&modems, a).await.unwrap_err().message.contains("has not let go"));
    messages(&modems, b).await.unwrap();
    assert_eq!(modems.statuses()[0].readiness, Readiness::NoModem);
    // Another reload does not make it forgotten.
    modems.reload(&config(&[("a", "context = 4".into()), ("b", String::new())]), directory.path());
    let [a, _] = ids(&modems)[..] else { panic!() };
    assert!(messages(&modems, a).await.unwrap_err().message.contains("has not let go"));
    drop(hangs);
    let mut shown = modems.modems[0].shown.clone();
    timeout(DEADLINE, shown.wait_for(|shown| shown.state().is_some())).await.unwrap().unwrap();
    messages(&modems, a).await.unwrap();
    modems.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_modem_that_hangs_does_not_keep_the_agent_from_ending() {
    let directory = tempfile::tempdir().unwrap();
    let mut modems = Modems::start(&plain(&["a"]), directory.path());
    let (_hangs, ended) = thread::end();
    modems.modems[0].ended = ended;
    modems.close().await;
}
