//! Whether the files of a modem's secrets hold what they held: a PIN that was corrected, or a revoked number's secret, must
//! not stay in use because the config's text is the same. No secret is kept for this.

use shunt_config::Modem;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::Path;

/// More than a file of a secret holds.
const MAX: u64 = 4_096;

/// What makes prints useless to anybody else.
#[derive(Debug, Default)]
pub(super) struct Keys(RandomState);

/// What a modem's files held at one time. Two are alike only if the files were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print(u64);

impl Keys {
    /// What the modem's files hold now.
    pub(super) fn print(&self, modem: &Modem) -> Print {
        let of_sims = modem.sims.iter().flat_map(|sim| [&sim.pin_file, &sim.password_file]).flatten();
        let of_remote = modem.remote.iter().flat_map(|remote| &remote.operators);
        let files = of_sims.chain(of_remote.map(|operator| &operator.secret_file));
        // One that cannot be read is another than an empty one.
        let held: Vec<_> = files.map(|file| read(file).map_err(|error| error.kind())).collect();
        Print(self.0.hash_one(held))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut held = Vec::new();
    File::open(path)?.take(MAX).read_to_end(&mut held)?;
    Ok(held)
}
