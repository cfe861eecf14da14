//! The bill of materials: what is in a binary, as CycloneDX 1.5 (ECMA-424) in JSON.
//!
//! Cargo itself is asked, for one target and one package: the workspace as a whole turns on features and pulls in
//! libraries that are in no gateway's binary.

use crate::cargo::Source;
use crate::error::{DistError, Result};
use crate::target::Target;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, UNIX_EPOCH};

/// A line of `cargo tree`: how deep it is, then this, then the package and its licence.
const MARK: char = '|';
/// How `cargo tree` marks a package whose dependencies it has told before.
const TOLD: &str = " (*)";

/// The bill of the agent built for `target`.
///
/// # Errors
/// When cargo or the lock file cannot be read.
pub(crate) fn bill(source: &Source, target: &Target) -> Result<Vec<u8>> {
    let lock = source.root.join("Cargo.lock");
    let text = fs::read_to_string(&lock).map_err(crate::error::file("read", &lock))?;
    let sums = checksums(&text)?;
    let tree = source.cargo_says(&[
        "tree",
        "--locked",
        "--package=shunt",
        "--edges=normal,no-proc-macro",
        "--prefix=depth",
        "--format=|{p}|{l}",
        "--target",
        target.triple,
    ])?;
    let rust = source.rust_version()?;
    let document = compose(&parse(&tree)?, &sums, target, &rust, source.epoch)?;
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| DistError::Garbled {
        what: "the bill of materials".into(),
        fault: error.to_string(),
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A package by name and version.
type Key = (String, String);

#[derive(Debug, Default)]
struct Tree {
    /// The first one that was told.
    root: Option<Key>,
    licences: BTreeMap<Key, String>,
    below: BTreeMap<Key, BTreeSet<Key>>,
}

fn parse(text: &str) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut above: Vec<Key> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (depth, key, licence) = parse_line(line)
            .ok_or_else(|| DistError::Garbled { what: "cargo's tree".into(), fault: line.to_owned() })?;
        above.truncate(depth);
        if let Some(parent) = above.last() {
            tree.below.entry(parent.clone()).or_default().insert(key.clone());
        }
        tree.root.get_or_insert_with(|| key.clone());
        tree.licences.insert(key.clone(), licence);
        above.push(key);
    }
    Ok(tree)
}

fn parse_line(line: &str) -> Option<(usize, Key, String)> {
    let mut fields = line.strip_suffix(TOLD).unwrap_or(line).splitn(3, MARK);
    let depth = fields.next()?.parse().ok()?;
    let mut words = fields.next()?.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((depth, (name.to_owned(), version.to_owned()), fields.next()?.to_owned()))
}

/// The SHA-256 of each package that comes from a registry.
fn checksums(lock: &str) -> Result<BTreeMap<Key, String>> {
    #[derive(serde::Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(serde::Deserialize)]
    struct Package {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(lock)
        .map_err(|error| DistError::Garbled { what: "Cargo.lock".into(), fault: error.to_string() })?;
    let packages = lock.package.into_iter();
    Ok(packages.filter_map(|one| Some(((one.name, one.version), one.checksum?))).collect())
}

fn compose(
    tree: &Tree,
    sums: &BTreeMap<Key, String>,
    target: &Target,
    rust: &str,
    epoch: u64,
) -> Result<Value> {
    let root = tree
        .root
        .as_ref()
        .ok_or_else(|| DistError::Garbled { what: "cargo's tree".into(), fault: "it is empty".into() })?;
    let mut components: Vec<Value> = tree
        .licences
        .iter()
        .filter(|(key, _)| *key != root)
        .map(|(key, licence)| component(key, licence, sums.get(key)))
        .collect();
    // What no lock file names, but is in the binary all the same.
    components.push(json!({ "type": "library", "name": "rust-std", "version": rust }));
    components.push(json!({ "type": "library", "name": target.libc }));
    let dependencies: Vec<Value> = tree
        .licences
        .keys()
        .map(|key| {
            let below = tree.below.get(key).into_iter().flatten();
            json!({ "ref": purl(key), "dependsOn": below.map(purl).collect::<Vec<_>>() })
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(epoch)).to_string(),
            "component": {
                "type": "application",
                "bom-ref": purl(root),
                "name": root.0,
                "version": root.1,
                "licenses": [{ "expression": tree.licences.get(root) }],
                "properties": [{ "name": "shunt:target", "value": target.triple }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(key: &Key, licence: &str, sum: Option<&String>) -> Value {
    let mut value = json!({
        "type": "library",
        "bom-ref": purl(key),
        "name": key.0,
        "version": key.1,
        "purl": purl(key),
        // Some older packages write a stroke where SPDX has OR.
        "licenses": [{ "expression": licence.replace('/', " OR ").replace("  ", " ") }],
    });
    if let (Some(sum), Some(fields)) = (sum, value.as_object_mut()) {
        fields.insert("hashes".into(), json!([{ "alg": "SHA-256", "content": sum }]));
    }
    value
}

/// The package's address (package-url, type cargo).
fn purl(key: &Key) -> String {
    // Build metadata, which `+` begins, must be written so.
    format!("pkg:cargo/{}@{}", key.0, key.1.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0|shunt v0.1.0 (/somewhere/agent)|MIT OR Apache-2.0
1|clap v4.6.7|MIT OR Apache-2.0
2|libc v0.2.1|MIT/Apache-2.0
1|toml v1.2.1+spec-1.1.0|MIT OR Apache-2.0
2|libc v0.2.1|MIT/Apache-2.0 (*)
";

    #[test]
    fn the_tree_is_read_with_its_edges() {
        let lock = "[[package]]\nname = \"libc\"\nversion = \"0.2.1\"\nchecksum = \"ab12\"\n";
        let target = crate::TARGETS[0];
        let tree = parse(TREE).unwrap();
        let document = compose(&tree, &checksums(lock).unwrap(), &target, "1.95.0", 0).unwrap();
        let components = document["components"].as_array().unwrap();
        let names: Vec<_> = components.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(document["metadata"]["timestamp"], "1970-01-01T00:00:00Z");
        assert_eq!(names, ["clap", "libc", "toml", "rust-std", "musl"]);
        assert_eq!(components[1]["hashes"][0]["content"], "ab12");
        assert_eq!(components[1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(components[2]["purl"], "pkg:cargo/toml@1.2.1%2Bspec-1.1.0");
        let shunt = document["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["ref"] == "pkg:cargo/shunt@0.1.0");
        assert_eq!(
            shunt.unwrap()["dependsOn"],
            json!(["pkg:cargo/clap@4.6.7", "pkg:cargo/toml@1.2.1%2Bspec-1.1.0"])
        );
    }

    #[test]
    fn what_is_no_tree_is_told() {
        assert!(parse("0|shunt").is_err());
        assert!(compose(&Tree::default(), &BTreeMap::new(), &crate::TARGETS[0], "1", 0).is_err());
    }
}
