//! The digest over a report: SHA-256 of its JSON with all keys in order and no blanks, without the digest itself.
//!
//! It shows that a report was changed, by mistake or in passing. It proves nothing of who wrote it: whoever changes a report
//! can make its digest anew. Who needs that keeps the digest elsewhere, or signs the file.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where the digest stands.
pub(super) const FIELD: &str = "sha256";

/// What a sealed report says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sealed {
    /// It is as it was written.
    Whole(String),
    /// It was changed since: what stands there, and what it comes to.
    Changed {
        /// What stands there.
        stands: String,
        /// What it comes to.
        is: String,
    },
    /// It has no digest, or is no JSON object.
    NoReport,
}

/// The digest of these bytes, in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The digest that a report is to have.
pub(super) fn of(report: &Map<String, Value>) -> String {
    let rest: Map<String, Value> = report
        .iter()
        .filter(|(key, _)| *key != FIELD)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    digest(canonical(&Value::Object(rest)).as_bytes())
}

/// Looks whether a report is as it was written.
pub(crate) fn verify(text: &str) -> Sealed {
    let Ok(Value::Object(report)) = serde_json::from_str(text) else { return Sealed::NoReport };
    let Some(stands) = report.get(FIELD).and_then(Value::as_str).map(str::to_owned) else {
        return Sealed::NoReport;
    };
    let is = of(&report);
    if stands == is { Sealed::Whole(is) } else { Sealed::Changed { stands, is } }
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Array(all) => format!("[{}]", all.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Object(all) => {
            // In order whatever the map is made of.
            let sorted: BTreeMap<&String, &Value> = all.iter().collect();
            let all = sorted
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", all.collect::<Vec<_>>().join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_is_seen_and_blanks_are_none() {
        let text = "{\"b\": [1, 2.5, null, true], \"a\": {\"d\": \"x\\\"y\", \"c\": 352.04}}";
        let Ok(Value::Object(mut report)) = serde_json::from_str(text) else { panic!("an object") };
        let seal = of(&report);
        // As `jq -cS` and `sha256sum` have it.
        assert_eq!(
            canonical(&Value::Object(report.clone())),
            "{\"a\":{\"c\":352.04,\"d\":\"x\\\"y\"},\"b\":[1,2.5,null,true]}"
        );
        report.insert(FIELD.into(), seal.clone().into());
        let sealed = serde_json::to_string_pretty(&report).unwrap();
        assert_eq!(verify(&sealed), Sealed::Whole(seal.clone()));
        assert_eq!(verify(&sealed.replace("  ", "\t")), Sealed::Whole(seal));
        for (from, to) in
            [("352.04", "52.04"), ("true", "false"), ("null", "0"), ("2.5", "2.50001"), ("\"d\"", "\"e\"")]
        {
            assert!(sealed.contains(from));
            assert!(matches!(verify(&sealed.replacen(from, to, 1)), Sealed::Changed { .. }), "{from}");
        }
        for none in ["", "[]", "{}", "{\"sha256\": 7}"] {
            assert_eq!(verify(none), Sealed::NoReport);
        }
    }

    #[test]
    fn the_digest_is_sha_256() {
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
