//! The text of a page: from `https://example.com/path` to a [`Page`].

use super::forms::{self, host_and_port};
use crate::Page;
use crate::values::{Complaint, Parsed, quoted};

/// Longest path with its query; longer ones are not seen where a gateway's upkeep is at stake.
const MAX_PATH: usize = 1024;

/// Reads what follows `http://` or `https://`.
pub(super) fn page(given: &str, rest: &str, secure: bool) -> Parsed<Page> {
    if secure && !cfg!(feature = "https") {
        return Err(Complaint::new(
            format!("{} cannot be probed: this program was built without https", quoted(given)),
            "build it with the feature https, or probe the port by \"tcp://ADDRESS:443\"",
        ));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Complaint::new(
            format!("{} has a user name, and probes log in nowhere", quoted(given)),
            "leave out \"@\" and what precedes it",
        ));
    }
    let (host, port) = host_and_port(given, authority)?;
    let port = port.unwrap_or(Page::usual_port(secure));
    Ok(Page {
        secure,
        host: forms::host(given, host)?,
        port,
        path: path_of(given, path)?,
        status: None,
        body: None,
    })
}

fn path_of(given: &str, path: &str) -> Parsed<String> {
    if path.contains('#') {
        return Err(Complaint::new(
            format!("{} names a place within a page, which servers are not told", quoted(given)),
            "leave out \"#\" and what follows",
        ));
    }
    // RFC 3986, sections 3.3 and 3.4.
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~%!$&'()*+,;=:@/?".contains(c);
    if path.len() > MAX_PATH || !path.chars().all(fits) {
        return Err(Complaint::new(
            format!("{} has a path that no URL has", quoted(given)),
            format!("write other letters as %XX, and at most {MAX_PATH} of all"),
        ));
    }
    Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_refused_where_the_program_has_none() {
        let read = page("https://example.com/", "example.com/", true);
        match read {
            Ok(page) => assert!(cfg!(feature = "https") && page.secure),
            Err(fault) => {
                assert!(!cfg!(feature = "https") && fault.mend.contains("feature https"), "{fault:?}")
            }
        }
    }
}
