//! What an answer says of the target, or of who answers in its place.

use shunt_config::Page;
use shunt_decision::Outcome;

/// Network Authentication Required (RFC 6585): a portal that says so.
const PORTAL: u16 = 511;

/// `None`: the status is the one that is wanted.
pub(super) fn status(page: &Page, status: u16) -> Option<Outcome> {
    let good = match page.status {
        Some(wanted) => status == wanted,
        None => (200..300).contains(&status),
    };
    if good {
        return None;
    }
    // Portals redirect or serve a page of their own; a server that is ill says so by 5xx.
    let ill = status >= 500 && status != PORTAL;
    Some(if ill { Outcome::Refused } else { mismatch(page) })
}

/// Something else than the target's page. Over TLS the certificate has shown that it is the target's own doing.
pub(super) const fn mismatch(page: &Page) -> Outcome {
    if page.secure { Outcome::Refused } else { Outcome::Intercepted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_config::Host;

    fn page(secure: bool, status: Option<u16>) -> Page {
        let host = Host::Name { name: "example.com".to_owned(), ipv6: false };
        Page { secure, host, port: 80, path: "/".to_owned(), status, body: None }
    }

    #[test]
    fn a_status_is_good_or_the_servers_or_somebody_elses() {
        use Outcome::{Intercepted, Refused};
        for (secure, wanted, got, judged) in [
            (false, None, 200, None),
            (false, None, 204, None),
            (false, None, 302, Some(Intercepted)),
            (false, None, 404, Some(Intercepted)),
            (false, None, 503, Some(Refused)),
            (false, None, 511, Some(Intercepted)),
            (false, Some(204), 204, None),
            (false, Some(204), 200, Some(Intercepted)),
            (false, Some(301), 301, None),
            (true, None, 302, Some(Refused)),
            (true, Some(204), 200, Some(Refused)),
        ] {
            assert_eq!(status(&page(secure, wanted), got), judged, "{secure} {wanted:?} {got}");
        }
    }
}
