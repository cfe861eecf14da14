//! Tests of the whole way from text to [`Config`](crate::Config).

mod documents;
mod faults;
mod keys;
mod modem_faults;
mod noise;

use crate::{Config, Fault, parse};
use std::path::Path;

/// Two links and nothing else.
const TWO_LINKS: &str = r#"
[[link]]
name = "fiber"
interface = "eth0"

[[link]]
name = "lte"
interface = "wwan0"
metered = true
"#;

/// The configuration in `text`, which must be valid.
pub(crate) fn valid(text: &str) -> Config {
    parse(text, Path::new("test.toml")).unwrap_or_else(|faults| panic!("{text}\n{faults}"))
}

/// The faults in `text`, which must have some.
fn faults(text: &str) -> Vec<Fault> {
    match parse(text, Path::new("test.toml")) {
        Ok(_) => panic!("this should be refused:\n{text}"),
        Err(faults) => faults.as_slice().to_vec(),
    }
}
