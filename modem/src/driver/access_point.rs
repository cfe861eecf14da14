//! The access point of a bearer that is up: LTE gives each modem one as soon as it registers, by whatever name the modem
//! had stored or the subscription has, and nobody asked for it.

use super::hands::{Broken, Hands};
use crate::dialect::{Auth, Query, Reading, Step};
use shunt_recovery::Refusal;
use shunt_recovery::facts::{Fact, Radio};
use tracing::{info, warn};

/// What is done for the configured access point, the gentlest first and each once: most modems take a new name when the
/// context comes up anew; one that must not end its last context takes it when it attaches or registers anew. A network
/// that gives another name even then will always do so, and a bearer is better than none.
const TURNS: [Turn; 3] = [Turn::Bearer, Turn::Attachment, Turn::Radio];

/// Something that ends the bearer, so that it comes up as it is defined.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Bearer,
    Attachment,
    Radio,
}

/// Which access point the bearer has, as far as it was asked for.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// It was looked at since the bearer came up, and is the right one or taken as it is.
    pub(super) settled: bool,
    /// It was seen to be another one.
    pub(super) wrong: bool,
    /// How many of [`TURNS`] were taken since it was right.
    turns: usize,
}

impl Hands {
    /// Whether a bearer, `active` or not, may be taken as it is. One by another access point may not, while something can
    /// be done about it.
    pub(super) async fn accepts(&mut self, active: bool) -> Result<bool, Broken> {
        if !active {
            self.access_point.settled = false;
        }
        if !active || self.access_point.settled {
            return Ok(true);
        }
        if self.name_is_right().await? {
            self.access_point.settled = true;
            self.store_login().await?;
            return Ok(true);
        }
        Ok(self.access_point.settled)
    }

    /// Whether the bearer's access point is the configured one. Of another one it is noted whether it is taken all the same.
    async fn name_is_right(&mut self) -> Result<bool, Broken> {
        // A name that was spoilt on its way must not cost a bearer: what is wrong is asked for twice.
        let mut told = self.wrong_name().await?;
        if told.is_some() {
            told = self.wrong_name().await?;
        }
        let Some(told) = told else {
            self.access_point = Standing::default();
            self.known.other_access_point = None;
            return Ok(true);
        };
        let wanted = &self.context().apn;
        if self.access_point.turns < TURNS.len() {
            info!(%told, %wanted, "the modem's bearer is up by another access point than the configured one");
            self.access_point.wrong = true;
            return Ok(false);
        }
        warn!(%told, %wanted, "the network gives another access point than the configured one, whatever is done");
        self.known.other_access_point = Some(told);
        self.access_point.settled = true;
        Ok(false)
    }

    /// Stores the configured login for the next time the bearer comes up. A network that gave the bearer was content with
    /// what it was given, and which login that was no modem tells for certain: it is no reason to cut what is up.
    async fn store_login(&mut self) -> Result<(), Broken> {
        if self.context().auth == Auth::None || self.defined == Some(self.sim) {
            return Ok(());
        }
        match self.define().await {
            Ok(()) => Ok(()),
            Err(Broken::Refused(refusal)) => {
                warn!(
                    ?refusal,
                    "the modem does not take the login while its bearer is up; it is given it when it is not"
                );
                Ok(())
            }
            Err(broken) => Err(broken),
        }
    }

    /// Ends the bearer in ever harsher ways until it comes up by the configured access point. What only the machine can bring
    /// up again (the registration takes its time) is left to it: it asks for the bearer again.
    pub(super) async fn change_over(&mut self) -> Result<(), Broken> {
        self.access_point.wrong = false;
        while let Some(turn) = TURNS.get(self.access_point.turns) {
            self.access_point.turns += 1;
            let taken = match turn {
                Turn::Bearer => self.bearer_down().await,
                Turn::Attachment => self.act(Step::Detach).await,
                Turn::Radio => self.act(Step::RadioOff).await,
            };
            info!(?turn, ?taken, "the modem's bearer is ended to come up by the configured access point");
            match taken {
                Ok(()) => {}
                Err(Broken::Refused(_)) => continue,
                Err(broken) => return Err(broken),
            }
            // A context is defined while it is down: many modems refuse to change one that is up.
            let defined = self.define().await;
            match turn {
                Turn::Bearer => {
                    self.raise().await?;
                    if self.wrong_name().await?.is_none() {
                        return defined;
                    }
                }
                Turn::Attachment => {
                    self.gathered.facts.push(Fact::Attached(false));
                    return self.act(Step::Attach).await.and(defined);
                }
                Turn::Radio => {
                    self.gathered.facts.push(Fact::Radio(Radio::Flight));
                    return defined;
                }
            }
        }
        Ok(())
    }

    /// The name of the bearer's access point, if it is told and another one than the configured.
    pub(super) async fn wrong_name(&mut self) -> Result<Option<String>, Broken> {
        if self.context().apn.is_empty() {
            return Ok(None);
        }
        let told = match self.read(Query::AccessPoint).await? {
            Ok(Reading::AccessPoint(told)) => Some(told),
            Ok(_) | Err(Refusal::Cme(_) | Refusal::Session(_) | Refusal::Unsupported | Refusal::Other) => {
                None
            }
        };
        Ok(told.filter(|told| !is_same(told, &self.context().apn)))
    }
}

/// Whether both name one access point. Case does not count, nor does the operator behind the name, which the network adds
/// (`internet.mnc001.mcc262.gprs`; TS 23.003, 9.1).
fn is_same(told: &str, wanted: &str) -> bool {
    let (told, wanted) = (told.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    told == wanted || network_identifier(&told) == network_identifier(&wanted)
}

/// The name without the operator behind it.
fn network_identifier(name: &str) -> &str {
    let bare = || {
        let (rest, mcc) = name.strip_suffix(".gprs")?.rsplit_once(".mcc")?;
        let (rest, mnc) = rest.rsplit_once(".mnc")?;
        let number = |text: &str| text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        (number(mcc) && number(mnc)).then_some(rest)
    };
    bare().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn case_and_the_operator_behind_it_make_no_other_name() {
        for told in ["internet", "Internet", "internet.mnc001.mcc262.gprs", "INTERNET.MNC01.MCC262.GPRS"] {
            assert!(is_same(told, "internet") && is_same("internet", told), "{told}");
        }
        assert!(is_same("a.mnc001.example.mnc002.mcc262.gprs", "a.mnc001.example"));
        for told in
            ["", "internet2", "internet.example", "internet.mncx.mcc262.gprs", "internet.gprs", ".gprs"]
        {
            assert!(!is_same(told, "internet"), "{told}");
        }
    }
}
