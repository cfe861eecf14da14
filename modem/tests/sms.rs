//! Messages over a real pty, against a peer that answers as it is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are part of the test")]

mod common;

use common::{LIMIT, Peer, pair};
use shunt_modem::at::{Final, Outcome};
use shunt_modem::sms::{Inbox, Mailbox, Received, SmsError, What};
use shunt_sms::pdu::{Delivery, Draft, Reference};
use shunt_sms::{Address, Limits, Timestamp};

/// The first part of a long message, and the second.
const PARTS: [&str; 2] = [
    "0044099121436587F900006210108021750013050003070201906536FB0D8287E574500C",
    "0044099121436587F900006210108021750013050003070202906536FB0D8287E574900C",
];
const REPORT: &str = "0006D60B911326880736F4111011719551401110117195714000";

/// Hears exactly `command`, echoes it and gives these lines.
async fn answer(peer: &mut Peer, command: &str, lines: &[&str]) {
    let lines: String = lines.iter().map(|line| format!("\r\n{line}\r\n")).collect();
    peer.expect(&format!("{command}\r"), &format!("{command}\r{lines}")).await;
}

/// Takes a payload behind a prompt.
async fn take(peer: &mut Peer, command: &str, payload: &str, lines: &[&str]) {
    peer.expect(&format!("{command}\r"), &format!("{command}\r\r\n> ")).await;
    let lines: String = lines.iter().map(|line| format!("\r\n{line}\r\n")).collect();
    peer.expect(&format!("{payload}\x1a"), &format!("{payload}\x1a{lines}")).await;
}

fn draft(text: &str) -> Draft {
    Draft {
        recipient: Address::recipient("+27820001111").unwrap(),
        text: text.to_owned(),
        report: false,
        validity: None,
    }
}

#[tokio::test]
async fn it_is_set_up_as_far_as_the_modem_goes_along() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        answer(&mut peer, "AT+CMGF=0", &["OK"]).await;
        answer(&mut peer, "AT+CPMS?", &["+CPMS: \"ME\",0,23,\"ME\",0,23,\"MT\",0,43", "OK"]).await;
        answer(&mut peer, "AT+CPMS=\"MT\",\"MT\",\"MT\"", &["+CMS ERROR: 302"]).await;
        answer(&mut peer, "AT+CPMS=\"SM\",\"SM\",\"SM\"", &["+CMS ERROR: 500"]).await;
        answer(&mut peer, "AT+CPMS=\"ME\",\"ME\",\"ME\"", &["+CPMS: 0,23,0,23,0,23", "OK"]).await;
        answer(&mut peer, "AT+CNMI=2,1,0,2,0", &["ERROR"]).await;
        answer(&mut peer, "AT+CNMI=2,1", &["OK"]).await;
        answer(&mut peer, "AT+CMGF=0", &["ERROR"]).await;
    };
    let host = async {
        let mut mailbox = Mailbox::new(&mut session);
        mailbox.set_up().await.unwrap();
        match mailbox.set_up().await {
            Err(SmsError::Refused { command, outcome: Outcome::Final(Final::Error) }) => {
                assert_eq!(command, "AT+CMGF=0");
            }
            other => panic!("{other:?}"),
        }
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn no_other_memory_is_chosen_while_one_is_busy_or_its_answer_is_lost() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        let told = "+CPMS: \"ME\",0,23,\"ME\",0,23,\"SM\",0,43";
        for answers in [&[&["OK"][..]][..], &[&["+CMS ERROR: 314"]], &[&[told, "OK"], &["+CMS ERROR: 314"]]] {
            answer(&mut peer, "AT+CMGF=0", &["OK"]).await;
            for (command, lines) in ["AT+CPMS?", "AT+CPMS=\"SM\",\"SM\",\"SM\""].into_iter().zip(answers) {
                answer(&mut peer, command, lines).await;
            }
        }
    };
    let host = async {
        let mut mailbox = Mailbox::new(&mut session);
        let lost = mailbox.set_up().await;
        assert!(
            matches!(&lost, Err(SmsError::Unreadable { command, .. }) if command == "AT+CPMS?"),
            "{lost:?}"
        );
        for asked in ["AT+CPMS?", "AT+CPMS=\"SM\",\"SM\",\"SM\""] {
            let busy = mailbox.set_up().await;
            assert!(matches!(&busy, Err(SmsError::Refused { command, .. }) if command == asked), "{busy:?}");
        }
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn messages_are_sent_and_their_references_told() {
    let (mut peer, mut session) = pair();
    let long = draft(&"a".repeat(200));
    let parts = long.parts(Reference::Narrow(9)).unwrap();
    let modem = async {
        peer.answer_fence().await;
        let hello = "0001000B917228001011F100000CC8329BFD065DDF72363904";
        take(&mut peer, "AT+CMGS=24", hello, &["+CMGS: 17", "OK"]).await;
        for (part, ends) in parts.iter().zip([&["+CMGS: 18", "OK"][..], &["+CMS ERROR: 38"]]) {
            take(&mut peer, &format!("AT+CMGS={}", part.length()), &part.to_hex(), ends).await;
        }
        let refused = ["+CMS ERROR: 331"];
        take(&mut peer, "AT+CMGS=24", hello, &refused).await;
    };
    let host = async {
        let mut mailbox = Mailbox::new(&mut session);
        let hello = draft("Hello World!");
        assert_eq!(mailbox.send(&hello, Reference::Narrow(0)).await.unwrap(), [17]);
        match mailbox.send(&long, Reference::Narrow(9)).await {
            Err(SmsError::Cut { sent, of, source }) => {
                assert_eq!((sent, of), (vec![18], 2));
                assert!(source.to_string().contains("Cms(Some(38))"), "{source}");
            }
            other => panic!("{other:?}"),
        }
        match mailbox.send(&hello, Reference::Narrow(0)).await {
            Err(SmsError::Refused { outcome: Outcome::Final(Final::Cms(Some(331))), .. }) => {}
            other => panic!("{other:?}"),
        }
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn what_is_stored_is_deleted_only_with_the_receipt_of_its_content() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        let stored =
            ["+CMGL: 1,1,,34", PARTS[1], "+CMGL: 2,1,\"a,b\",9", "0791", "+CMGL: 3,0,,24", REPORT, "OK"];
        peer.expect("AT+CMGL=4\r", "").await;
        let [first, rest @ ..] = &stored[..] else { panic!() };
        peer.say(&format!("AT+CMGL=4\r\r\n{first}\r\n{}\r\n", rest[..5].join("\r\n"))).await;
        peer.say("\r\nOK\r\n\r\n+CMTI: \"SM\",4\r\n").await;
        // What cannot be read is read again, by itself.
        answer(&mut peer, "AT+CMGR=2", &["+CMGR: 1,\"a,b\",9", "0791", "OK"]).await;
        answer(&mut peer, "AT+CMGD=2", &["OK"]).await;
        answer(&mut peer, "AT+CMGD=3", &["OK"]).await;
        answer(&mut peer, "AT+CMGL=4", &["+CMGL: 4,0,,34", PARTS[0], "OK"]).await;
        answer(&mut peer, "AT+CMGD=4", &["OK"]).await;
        answer(&mut peer, "AT+CMGD=1", &["+CMS ERROR: 500"]).await;
        answer(&mut peer, "AT+CMGR=1", &["+CMGR: 1,,34", PARTS[1], "OK"]).await;
        answer(&mut peer, "AT+CMGD=1", &["+CMS ERROR: 321"]).await;
    };
    let host = async {
        let mut inbox = Inbox::new(Limits::default());
        let listing = Mailbox::new(&mut session).list().await.unwrap();
        assert!(!listing.more);
        for stored in listing.stored {
            inbox.take(stored, Timestamp::ZERO);
        }
        // One part waits: its place is not given up.
        while let Some(mut arrival) = inbox.poll() {
            match arrival.what {
                What::Received(Received::Report(report)) => assert_eq!(report.delivery, Delivery::Done(0)),
                What::Received(Received::Unreadable { digits, .. }) => assert_eq!(digits, "0791"),
                other => panic!("{other:?}"),
            }
            Mailbox::new(&mut session).delete(&mut arrival.receipt).await.unwrap();
        }
        assert_eq!(session.next_urc().await.unwrap(), "+CMTI: \"SM\",4");
        let mut mailbox = Mailbox::new(&mut session);
        for stored in mailbox.list().await.unwrap().stored {
            inbox.take(stored, Timestamp::ZERO);
        }
        let mut arrival = inbox.poll().unwrap();
        let What::Received(Received::Message(message)) = &arrival.what else { panic!("{arrival:?}") };
        assert!(message.is_whole());
        assert_eq!(message.content.to_string(), "Hello part 1Hello part 2");
        // What could not be deleted can be tried again; what was deleted is not.
        assert!(matches!(mailbox.delete(&mut arrival.receipt).await, Err(SmsError::Refused { .. })));
        mailbox.delete(&mut arrival.receipt).await.unwrap();
        assert!(inbox.poll().is_none() && inbox.poll_timeout().is_none());
    };
    tokio::join!(modem, host);
}

#[tokio::test]
async fn a_report_within_a_list_costs_no_message() {
    let (mut peer, mut session) = pair();
    let modem = async {
        peer.answer_fence().await;
        let lines = ["+CMGL: 1,1,,34", "+CREG: 1", PARTS[1], "+CMGL: 2,1,,9", "+CMGL: 3,0,,24", REPORT, "OK"];
        answer(&mut peer, "AT+CMGL=4", &lines).await;
        answer(&mut peer, "AT+CMGR=2", &["+CMGR: 1,,34", PARTS[0], "OK"]).await;
    };
    let host = async {
        let listing = Mailbox::new(&mut session).list().await.unwrap();
        let listed: Vec<_> = listing.stored.iter().map(|it| (it.place.index(), it.digits.as_str())).collect();
        assert_eq!(listed, [(1, PARTS[1]), (2, PARTS[0]), (3, REPORT)]);
        assert_eq!(session.next_urc().await.unwrap(), "+CREG: 1");
    };
    tokio::join!(modem, host);
}

/// A report that was listed at place 3, with its receipt.
async fn listed(peer: &mut Peer, session: &mut shunt_modem::Session) -> shunt_modem::sms::Receipt {
    let modem = async {
        peer.answer_fence().await;
        answer(peer, "AT+CMGL=4", &["+CMGL: 3,0,,24", REPORT, "OK"]).await;
    };
    let host = async {
        let mut inbox = Inbox::new(Limits::default());
        for stored in Mailbox::new(session).list().await.unwrap().stored {
            inbox.take(stored, Timestamp::ZERO);
        }
        inbox.poll().unwrap().receipt
    };
    tokio::join!(modem, host).1
}

#[tokio::test]
async fn a_deletion_of_which_nobody_knows_what_came_is_not_repeated_blindly() {
    for other in [true, false] {
        let (mut peer, mut session): (Peer, _) = pair();
        let mut receipt = listed(&mut peer, &mut session).await;
        // The modem deletes it, and its answer is lost. Then a new message is stored at place 3, or none.
        let mut mailbox = Mailbox::new(&mut session);
        tokio::select! {
            _ = mailbox.delete(&mut receipt) => panic!("it was not answered"),
            () = peer.expect("AT+CMGD=3\r", "AT+CMGD=3\r") => {}
        }
        let modem = async {
            peer.answer_fence().await;
            let reply: &[&str] = if other { &["+CMGR: 0,,34", PARTS[0], "OK"] } else { &["+CMS ERROR: 321"] };
            answer(&mut peer, "AT+CMGR=3", reply).await;
        };
        let host = async { Mailbox::new(&mut session).delete(&mut receipt).await.unwrap() };
        tokio::join!(modem, host);
        assert!(receipt.is_done());
    }
}

#[tokio::test]
async fn a_memory_that_holds_more_than_a_reply_is_listed_as_far_as_it_goes() {
    let (mut peer, mut session) = pair();
    let digits = draft(&"a".repeat(160)).parts(Reference::Narrow(0)).unwrap()[0].to_hex();
    let listed: String = (1..=60).map(|n| format!("\r\n+CMGL: {n},3,,154\r\n{digits}")).collect();
    let modem = async {
        peer.answer_fence().await;
        peer.expect("AT+CMGL=4\r", &format!("AT+CMGL=4\r{listed}\r\n\r\nOK\r\n")).await;
        loop {
            let command = peer.hear().await;
            let place = command.trim_start_matches("AT+CMGR=").to_owned();
            peer.say(&format!("{command}\r\r\n+CMGR: 3,,9\r\n{place}0\r\n\r\nOK\r\n")).await;
        }
    };
    let mut mailbox = Mailbox::new(&mut session);
    let listing = tokio::select! {
        listing = tokio::time::timeout(LIMIT, mailbox.list()) => listing.unwrap().unwrap(),
        () = modem => panic!("a modem does not end"),
    };
    assert!(listing.more && (30..60).contains(&listing.stored.len()), "{}", listing.stored.len());
    // Each is what was read at its own place.
    assert!(listing.stored.iter().all(|stored| stored.digits == format!("{}0", stored.place.index())));
}
