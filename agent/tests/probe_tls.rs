//! Pages over TLS: whose certificate is taken for the target's, and what they cost.

#![cfg(feature = "https")]
#![allow(
    unsafe_code,
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod netns;

use netns::far::{Far, TARGET_V4, binding};
use netns::pages::{Asker, answer, request, serve_names, serve_pages, targets};
use netns::probes::{FIRST, rtt};
use netns::seen::{Seen, no_more_than_charged};
use netns::within;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use shunt::clock;
use shunt::probe::{Prober, Spent};
use shunt_decision::{Family, Outcome};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A certificate of these names until a year, signed by itself, and its key.
fn certificate(names: &[&str], until: i32) -> (Vec<u8>, Vec<u8>) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2_000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().der().to_vec(), key.serialize_der())
}

/// Serves the pages of [`answer`] with a certificate; the port.
fn serve(far: &Far, (certificate, key): (Vec<u8>, Vec<u8>)) -> u16 {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], PrivateKeyDer::try_from(key).unwrap())
        .unwrap();
    let config = Arc::new(config);
    far.run(move || {
        let listener = TcpListener::bind((TARGET_V4, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                thread::spawn(move || {
                    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), connection);
                    let request = request(&mut stream);
                    if !request.is_empty() {
                        let _ = answer(&mut stream, &request);
                        stream.conn.send_close_notify();
                        let _ = stream.conn.complete_io(&mut stream.sock);
                    }
                });
            }
        });
        port
    })
}

#[test]
fn a_certificate_tells_the_target_from_a_portal() {
    within("a_certificate_tells_the_target_from_a_portal", || {
        let far = Far::new();
        let _names = serve_names(&far, TARGET_V4.into(), TARGET_V4.into());
        let good = certificate(&["page.example", &TARGET_V4.to_string()], 4_000);
        let other = certificate(&["portal.example"], 4_000);
        let old = certificate(&["page.example"], 2_001);
        let unknown = certificate(&["page.example"], 4_000);
        let trusted = [good.0.clone(), other.0.clone(), old.0.clone()];
        let [good, other, old, unknown] = [good, other, old, unknown].map(|pair| serve(&far, pair));
        let (plain, _) = serve_pages(&far, TARGET_V4.into());
        let list = format!(
            "\"https://page.example:{good}/good\",
             {{ target = \"https://{TARGET_V4}:{good}/pieces\", body = \"Success\" }},
             \"https://page.example:{good}/portal\",
             {{ target = \"https://page.example:{good}/empty\", status = 200 }},
             \"https://page.example:{old}/good\",
             \"https://page.example:{}/good\",
             \"https://page.example:{other}/good\",
             \"https://page.example:{unknown}/good\"",
            plain.port()
        );
        far.link(1);
        let mut prober =
            Prober::new(&[targets(&list)]).resolving_by(&[vec![TARGET_V4.into()]]).trusting(&trusted);
        prober.bind(FIRST, Family::V4, Some(binding(1, false)), clock::now()).unwrap();
        let outcomes = Asker::new(prober).ask_all(FIRST, 8);
        for good in &outcomes[..2] {
            assert!(rtt(*good) > Duration::ZERO, "{outcomes:?}");
        }
        let refused = "a redirect and a status of the target's own, a certificate out of date, no TLS";
        assert_eq!(outcomes[2..6], [Outcome::Refused; 4], "{refused}");
        assert_eq!(outcomes[6..], [Outcome::Intercepted; 2], "another's certificate, nobody's certificate");
    });
}

#[test]
fn a_page_over_tls_is_billed_for_what_it_takes_beyond_its_price() {
    within("a_page_over_tls_is_billed_for_what_it_takes_beyond_its_price", || {
        let far = Far::new();
        let pair = certificate(&[&TARGET_V4.to_string()], 4_000);
        let trusted = [pair.0.clone()];
        let port = serve(&far, pair);
        let list = format!(
            "\"https://{TARGET_V4}:{port}/good\",
             {{ target = \"https://{TARGET_V4}:{port}/endless\", body = \"Success\" }}"
        );
        far.link(1);
        for (target, endless) in targets(&list).iter().zip([false, true]) {
            let tap = far.tap();
            let mut prober = Prober::new(&[vec![target.clone()]]).trusting(&trusted);
            prober.bind(FIRST, Family::V4, Some(binding(1, false)), clock::now()).unwrap();
            let mut asker = Asker::new(prober);
            let outcome = asker.ask_all(FIRST, 1)[0];
            assert_eq!(outcome == Outcome::Refused, endless, "{outcome:?}");
            // It is on the bill before its outcome is known.
            let bill = asker.prober.billed().next().map_or_else(Spent::default, |(_, spent)| spent);
            assert_eq!(bill.bytes > 0, endless, "{bill:?}");
            let mut seen = Seen::default();
            while seen.next(&tap, target) {}
            no_more_than_charged(target, &seen, bill, true);
        }
    });
}
