//! The parsers of what strangers send, reachable for a fuzzer. Each entry takes any bytes at all, and panics only where a
//! parser panics or says what cannot be true.

use crate::body::Payload;
use crate::pdu::Incoming;
use crate::{Limits, Reassembly, Timestamp};

/// The most octets that a body can have: its length is one octet.
const BODY_MAX: usize = 255;

/// A message as a modem hands it over: read, put together, and written again where it can be.
pub fn sms(bytes: &[u8]) {
    let Ok(incoming) = Incoming::decode(bytes) else { return };
    let (body, again) = match incoming {
        Incoming::Report(_) => return,
        Incoming::Submit(submit) => {
            let again = submit.to_hex();
            (submit.body, again)
        }
        Incoming::Deliver(deliver) => {
            let mut reassembly = Reassembly::new(Limits::default());
            reassembly.take(deliver.clone(), (), Timestamp::ZERO);
            reassembly.finish();
            assert!(reassembly.poll().is_some(), "a message is lost");
            assert!(reassembly.poll().is_none() && reassembly.held() == 0, "a message is given out twice");
            let again = deliver.to_hex();
            (deliver.body, again)
        }
    };
    match &body.payload {
        Payload::Septets { septets, .. } => {
            assert!(septets.len() <= BODY_MAX && septets.iter().all(|septet| *septet < 0x80));
        }
        Payload::Ucs2(octets) | Payload::Data(octets) => assert!(octets.len() <= BODY_MAX),
    }
    let (_, _) = body.read();
    assert!(Incoming::from_hex(&again).is_ok(), "what is written cannot be read");
}

/// A text message's words, from an operator and from a stranger.
pub fn sms_command(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let request = crate::control::Request::parse(&text);
    assert!(
        request.is_none() || crate::control::looks_like_one(&text),
        "an order that does not look like one"
    );
    assert!(!format!("{request:?}").contains("Code(\""), "a code is shown");
}
