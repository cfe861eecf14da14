//! What the gateway said, put together: whether all of the story was played, and how long it took.

use shunt_vm::Said;
use std::fmt;
use std::time::Duration;

/// Boots: one by the tool, one by the MCU that was asked to, and one by each watchdog that missed feeds.
const BOOTS: usize = 4;

/// All that was said so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    said: Vec<(Duration, Said)>,
}

/// How the story stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It goes on.
    Open,
    /// All of it was played.
    Good,
    /// It went wrong, by this.
    Bad(String),
}

impl Report {
    /// Takes what was said, so long after the emulator's start, and tells how the story stands.
    pub(crate) fn hear(&mut self, after: Duration, said: Said) -> Standing {
        let standing = match &said {
            Said::Failed(why) => Standing::Bad(why.clone()),
            Said::Booted(_) if !self.awaits_boot() => {
                Standing::Bad("it booted again in the middle of the story".to_owned())
            }
            Said::Booted(_) if self.boots() == BOOTS => Standing::Bad("it booted too often".to_owned()),
            Said::Ended if self.boots() == BOOTS => Standing::Good,
            Said::Ended => Standing::Bad("it ended the story without all its resets".to_owned()),
            Said::Booted(_) | Said::Done { .. } | Said::Figure { .. } | Said::AwaitsReset => Standing::Open,
        };
        self.said.push((after, said));
        standing
    }

    fn boots(&self) -> usize {
        self.said.iter().filter(|(_, said)| matches!(said, Said::Booted(_))).count()
    }

    fn awaits_boot(&self) -> bool {
        self.said.last().is_none_or(|(_, said)| *said == Said::AwaitsReset)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gone = None;
        for (after, said) in &self.said {
            let at = after.as_secs_f64();
            match said {
                Said::Booted(kernel) => {
                    writeln!(f, "{at:7.1} s  booted, {:.1} s by its kernel's clock", kernel.as_secs_f64())?;
                    if let Some(gone) = gone.take() {
                        let took = (*after - gone).as_secs_f64();
                        writeln!(f, "           {took:.1} s until this boot")?;
                    }
                }
                Said::Done { step, took } => writeln!(f, "{at:7.1} s  {step}: {:.1} s", took.as_secs_f64())?,
                Said::Figure { what, value } => writeln!(f, "           {what}: {} ms", value.as_millis())?,
                Said::AwaitsReset => {
                    gone = Some(*after);
                    writeln!(f, "{at:7.1} s  a reset is awaited")?;
                }
                Said::Failed(why) => writeln!(f, "{at:7.1} s  failed: {why}")?,
                Said::Ended => writeln!(f, "{at:7.1} s  the end")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(lines: &[Said]) -> (Report, Standing) {
        let mut report = Report::default();
        let mut standing = Standing::Open;
        for (second, said) in (1..).zip(lines) {
            standing = report.hear(Duration::from_secs(second), said.clone());
        }
        (report, standing)
    }

    #[test]
    fn only_the_whole_story_is_good() {
        let booted = || Said::Booted(Duration::from_secs(2));
        let reset = || [Said::AwaitsReset, booted()];
        let resets = [vec![booted()], reset().to_vec(), reset().to_vec(), reset().to_vec()].concat();
        let with = |said| [&resets[..], &[said]].concat();
        let (report, standing) = story(&with(Said::Ended));
        assert_eq!(standing, Standing::Good);
        assert_eq!(report.to_string().matches("1.0 s until this boot").count(), 3, "{report}");
        assert_eq!(story(&resets).1, Standing::Open);
        for bad in [
            vec![booted(), Said::Ended],
            vec![booted(), booted()],
            vec![booted(), Said::AwaitsReset, booted(), Said::Ended],
            vec![booted(), Said::AwaitsReset, booted(), booted()],
            [with(Said::AwaitsReset), vec![booted()]].concat(),
            vec![booted(), Said::Failed("no answer".into())],
        ] {
            assert!(matches!(story(&bad).1, Standing::Bad(_)), "{bad:?}");
        }
    }
}
