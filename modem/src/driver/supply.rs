//! The modem's supply: cut and given back by a line of this machine, or by whoever is asked to.

#[cfg(feature = "gpio")]
mod gpio;

use super::api::{Answer, Power, Told};
use super::hands::{Broken, Tell};
use super::tasks::{OTHER, UNSUPPORTED};
use std::time::Duration;
use tokio::time::timeout;
use tracing::error;

/// How long whoever switches the supply may take: an MCU answers within milliseconds, and is asked again when it does not.
const SWITCHING: Duration = Duration::from_secs(2);
/// How often the supply is given back before that counts as failed: a modem without it is lost to the link.
const ATTEMPTS: u32 = 3;

/// What switches the supply.
#[derive(Debug)]
pub(super) enum Supply {
    /// Nothing does.
    None,
    /// A line of this machine.
    #[cfg(feature = "gpio")]
    Gpio(gpio::Switch),
    /// Whoever is told [`Told::Power`].
    Asked,
}

impl Supply {
    pub(super) fn new(power: Power) -> Self {
        match power {
            Power::None => Self::None,
            #[cfg(feature = "gpio")]
            Power::Gpio(line) => Self::Gpio(gpio::Switch::new(line)),
            #[cfg(not(feature = "gpio"))]
            Power::Gpio(line) => {
                error!(
                    ?line,
                    "failed to use a GPIO line for the modem's supply: built without the feature gpio"
                );
                Self::None
            }
            Power::Asked => Self::Asked,
        }
    }

    /// Whether the supply can be cut.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Takes the line, with the supply on: it may have been left off by whoever was killed while it was cut.
    pub(super) async fn begin(&mut self, tell: &mut Tell) {
        let here = match self {
            Self::None | Self::Asked => false,
            #[cfg(feature = "gpio")]
            Self::Gpio(_) => true,
        };
        if here {
            let _tried_again_when_needed = self.give_back(tell).await;
        }
    }

    /// Cuts the supply.
    pub(super) async fn cut(&mut self, tell: &mut Tell) -> Result<(), Broken> {
        self.switch(false, tell).await
    }

    /// Gives the supply back.
    pub(super) async fn give_back(&mut self, tell: &mut Tell) -> Result<(), Broken> {
        for _ in 1..ATTEMPTS {
            if self.switch(true, tell).await.is_ok() {
                return Ok(());
            }
        }
        self.switch(true, tell).await.inspect_err(|_| error!("failed to give the modem its supply back"))
    }

    async fn switch(&mut self, on: bool, tell: &mut Tell) -> Result<(), Broken> {
        match self {
            Self::None => Err(UNSUPPORTED),
            #[cfg(feature = "gpio")]
            Self::Gpio(switch) => switch.set(on).await,
            Self::Asked => {
                let (done, answer) = Answer::new();
                tell.tell(Told::Power { on, done });
                match timeout(SWITCHING, answer).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) | Err(_) => Err(OTHER),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn a_supply_is_given_back_at_the_third_attempt() {
        let (sender, mut told) = mpsc::channel(4);
        let mut tell = Tell { sender, untold: 0 };
        let mcu = async {
            for answered in [false, false, true] {
                match told.recv().await {
                    Some(Told::Power { on: true, done }) if answered => done.give(()),
                    Some(Told::Power { on: true, done }) => drop(done),
                    other => panic!("{other:?}"),
                }
            }
        };
        let mut supply = Supply::new(Power::Asked);
        assert_eq!(tokio::join!(supply.give_back(&mut tell), mcu).0, Ok(()));
        drop(told);
        assert_eq!(supply.give_back(&mut tell).await, Err(OTHER), "nobody is there");
        assert_eq!(tell.untold, 3);
        assert_eq!(Supply::new(Power::None).cut(&mut tell).await, Err(UNSUPPORTED));
    }
}
