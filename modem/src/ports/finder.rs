//! Finds a modem and its AT ports, and finds them again without asking each port anew.

use super::probe::{Probed, Probing, probe};
use super::selector::{DeviceId, Selector};
use super::sysfs::{Bus, Device, DevicePort, Place, Sysfs};
use crate::error::ModemError;
use shunt_at::Echo;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;
use tracing::info;

/// AT ports that are looked for: one for commands, and a sibling.
const AT_PORTS: usize = 2;

/// Who makes modems, and the chips in them, by their numbers on USB and PCI. What others make is asked last: it may be a
/// meter or a machine, to which a command is noise.
const MAKERS: [u16; 22] = [
    0x03f0, // HP
    0x0489, // Foxconn
    0x05c6, // Qualcomm
    0x0e8d, // MediaTek
    0x105b, // Foxconn, on PCI
    0x1199, // Sierra
    0x12d1, // Huawei
    0x1410, // Novatel
    0x1435, // Wistron
    0x14c3, // MediaTek, on PCI
    0x1508, // Fibocom
    0x1546, // u-blox
    0x17cb, // Qualcomm, on PCI
    0x19d2, // ZTE
    0x1bc7, // Telit
    0x1e0e, // SIMCom
    0x1e2d, // Cinterion
    0x1eac, // Quectel, on PCI
    0x2c7c, // Quectel
    0x2cb7, // Fibocom
    0x2dee, // MeiG
    0x413c, // Dell
];

/// A modem and its AT ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The device.
    pub device: Device,
    /// Its AT ports: the first for commands, others as siblings. At least one.
    pub ports: Vec<DevicePort>,
    /// Whether they repeat what they are sent.
    pub echo: Echo,
    /// The model, as it was told when the ports were asked.
    pub model: Vec<String>,
}

/// Why there is no modem.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The kernel's tree cannot be read.
    #[error("failed to look for {selector}: sysfs cannot be read: {source}; see that /sys is mounted")]
    Read {
        /// Which modem.
        selector: Selector,
        /// What the system said.
        source: io::Error,
    },
    /// There is none.
    #[error(
        "failed to find {selector}: it is not there; see that it has power, and what lsusb and /dev show"
    )]
    Missing {
        /// Which modem.
        selector: Selector,
    },
    /// It is there, and some of the ports that it had are not.
    #[error(
        "failed to find {selector} whole: some of its ports are missing; it may be booting, or in another mode"
    )]
    Incomplete {
        /// Which modem.
        selector: Selector,
    },
    /// There are several.
    #[error("failed to choose {selector}: there are {count}; name it by its place or its IMEI")]
    Ambiguous {
        /// Which modem.
        selector: Selector,
        /// How many.
        count: usize,
    },
    /// It is there, and none of its ports takes commands.
    #[error(
        "failed to reach {selector}: none of its {count} ports takes commands; it may be booting or hang"
    )]
    Silent {
        /// Which modem.
        selector: Selector,
        /// How many ports were asked.
        count: usize,
    },
    /// A port cannot be opened.
    #[error("failed to ask {selector}: {source}")]
    Port {
        /// Which modem.
        selector: Selector,
        /// Why not.
        source: ModemError,
    },
}

/// What was learned by asking, and holds as long as the device is the same in the same mode.
#[derive(Debug, Clone)]
struct Known {
    path: PathBuf,
    id: Option<DeviceId>,
    places: Vec<Place>,
    echo: Echo,
    model: Vec<String>,
}

/// Looks for one modem.
#[derive(Debug, Clone)]
pub struct Finder {
    sysfs: Sysfs,
    selector: Selector,
    probing: Probing,
    known: Option<Known>,
    /// It was found among the makers' devices once: it need not be looked for among strangers' any more.
    made: bool,
}

impl Finder {
    /// Looks in `sysfs` for the modem that `selector` says.
    #[must_use]
    pub fn new(sysfs: Sysfs, selector: Selector, probing: Probing) -> Self {
        Self { sysfs, selector, probing, known: None, made: false }
    }

    /// Finds the modem and its AT ports. Ports that were found before are not asked again, whatever their names are now:
    /// the same kind of device at the same place counts as the same. Save for a modem that is known by its IMEI: one
    /// port must tell it each time, so that no port of it may be in use.
    ///
    /// # Errors
    ///
    /// When it is not there or not whole, not the only one, or no port takes commands.
    pub async fn find(&mut self) -> Result<Found, FindError> {
        let devices = self.candidates()?;
        if let Some(found) = self.find_known(&devices).await? {
            return Ok(found);
        }
        match (&self.selector, devices.len()) {
            (_, 0) => return Err(FindError::Missing { selector: self.selector.clone() }),
            (Selector::Imei(_), _) | (_, 1) => {}
            (_, count) => return Err(FindError::Ambiguous { selector: self.selector.clone(), count }),
        }
        let mut count = 0;
        let mut refused = None;
        let (makers, mut strangers): (Vec<_>, Vec<_>) = devices.into_iter().partition(is_a_makers);
        if self.made {
            strangers.clear();
        }
        for devices in [makers, strangers] {
            count += devices.iter().map(|device| device.ports.len()).sum::<usize>();
            match self.ask_all(devices).await {
                Ok(None) => {}
                Ok(Some(found)) => {
                    info!(device = %found.device.path.display(), ports = found.ports.len(), "modem found");
                    self.made |= is_a_makers(&found.device);
                    self.known = Some(Known::of(&found));
                    return Ok(found);
                }
                Err(error) => refused = Some(error),
            }
        }
        let selector = self.selector.clone();
        Err(match (refused, &self.selector) {
            (Some(source), _) => FindError::Port { selector, source },
            // Others may have answered; none of them is it.
            (None, Selector::Imei(_)) => FindError::Missing { selector },
            (None, _) => FindError::Silent { selector, count },
        })
    }

    /// Asks the other ports of the modem whose port `used` is in use whether they take commands, and remembers the first
    /// that does. For a port that was not there when the modem was found, or silent because it was booting.
    ///
    /// # Errors
    ///
    /// When the tree cannot be read, or a port cannot be opened.
    pub async fn find_sibling(&mut self, used: &Path) -> Result<Option<(DevicePort, Echo)>, FindError> {
        let devices = self.candidates()?;
        let is_used = |port: &DevicePort| port.node == used;
        let Some(device) = devices.into_iter().find(|device| device.ports.iter().any(is_used)) else {
            return Ok(None);
        };
        for port in device.ports.into_iter().filter(|port| port.node != used) {
            let probed = probe(&port.node, &self.probing).await;
            let probed =
                probed.map_err(|source| FindError::Port { selector: self.selector.clone(), source })?;
            if let Some(Probed { echo, .. }) = probed {
                if let Some(known) = &mut self.known {
                    known.places.push(port.place.clone());
                }
                return Ok(Some((port, echo)));
            }
        }
        Ok(None)
    }

    /// The device that must be the modem, though none of its ports was asked: the only one that is admitted. None for a modem
    /// that is known by its IMEI.
    #[must_use]
    pub fn device(&self) -> Option<Device> {
        let only = |devices: Vec<Device>| <[Device; 1]>::try_from(devices).ok();
        let asked = matches!(self.selector, Selector::Imei(_));
        self.candidates().ok().filter(|_| !asked).and_then(only).map(|[device]| device)
    }

    /// Devices that were taken off USB and may be the modem, each with whether it must be. A modem that is known by its IMEI
    /// cannot be asked for it there: devices of modems' makers may be it, and somebody may have shut them out on purpose.
    ///
    /// # Errors
    ///
    /// When the tree cannot be read.
    pub fn off_usb(&self) -> io::Result<Vec<(Device, bool)>> {
        let sure = match self.selector {
            Selector::Line(_) => return Ok(Vec::new()),
            Selector::Path(_) | Selector::Id(_) => true,
            Selector::Imei(_) => false,
        };
        let mut devices = self.sysfs.off_usb()?;
        devices.retain(|device| self.selector.admits(device) && (sure || is_a_makers(device)));
        Ok(devices.into_iter().map(|device| (device, sure)).collect())
    }

    /// Forgets which ports take commands, so that they are asked again: for a modem that is silent on these.
    pub fn forget(&mut self) {
        self.known = None;
    }

    /// What is known, if it is there and still so.
    async fn find_known(&mut self, devices: &[Device]) -> Result<Option<Found>, FindError> {
        let Some(known) = &self.known else { return Ok(None) };
        let Some(device) = devices.iter().find(|device| known.is(device)) else { return Ok(None) };
        let Some(found) = known.whole(device) else {
            return Err(FindError::Incomplete { selector: self.selector.clone() });
        };
        if let (Selector::Imei(_), Some(port)) = (&self.selector, found.ports.first()) {
            let told = probe(&port.node, &self.probing).await;
            let told = told.map_err(|source| FindError::Port { selector: self.selector.clone(), source })?;
            if !told.is_some_and(|probed| is_it(&self.selector, &probed)) {
                self.forget();
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    fn candidates(&self) -> Result<Vec<Device>, FindError> {
        if let Selector::Line(line) = &self.selector {
            // The kernel's tree has nothing to say of what is at the end of a line.
            let port = DevicePort { node: line.clone(), place: Place::Only };
            let there = line.exists().then(|| Device {
                path: line.clone(),
                bus: Bus::Line,
                id: None,
                serial: None,
                ports: vec![port],
                interfaces: Vec::new(),
            });
            return Ok(there.into_iter().collect());
        }
        let mut devices = self
            .sysfs
            .devices()
            .map_err(|source| FindError::Read { selector: self.selector.clone(), source })?;
        devices.retain(|device| self.selector.admits(device));
        Ok(devices)
    }

    /// Asks all of `devices` at once, and listens to no other as soon as one is it.
    async fn ask_all(&self, devices: Vec<Device>) -> Result<Option<Found>, ModemError> {
        let mut asking: JoinSet<_> =
            devices.into_iter().map(|device| ask(device, self.selector.clone(), self.probing)).collect();
        let mut refused = None;
        while let Some(answer) = asking.join_next().await {
            match answer {
                Ok(Ok(None)) | Err(_) => {}
                Ok(Ok(Some(found))) => return Ok(Some(found)),
                Ok(Err(error)) => refused = Some(error),
            }
        }
        refused.map_or(Ok(None), Err)
    }
}

/// Whether it is a modem's maker's, or has what only modems have.
fn is_a_makers(device: &Device) -> bool {
    let channels = device.ports.iter().any(|port| matches!(port.place, Place::Channel(_)));
    channels || device.id.is_some_and(|id| MAKERS.contains(&id.vendor))
}

/// Asks the ports of `device`, all at once: a modem has several that take no commands, and each of these costs its
/// fences.
async fn ask(device: Device, selector: Selector, probing: Probing) -> Result<Option<Found>, ModemError> {
    let mut asking = JoinSet::new();
    for (number, port) in device.ports.iter().enumerate() {
        let node = port.node.clone();
        asking.spawn(async move { (number, probe(&node, &probing).await) });
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = asking.join_next().await {
        answers.extend(answer);
    }
    let mut ports = Vec::new();
    let mut first = None;
    let mut refused = None;
    for (port, answer) in device.ports.iter().zip(answers.into_values()) {
        match answer {
            Ok(None) => {}
            Ok(Some(probed)) => {
                if !is_it(&selector, &probed) {
                    return Ok(None);
                }
                ports.push(port.clone());
                first.get_or_insert(probed);
            }
            Err(error) => refused = Some(error),
        }
        if ports.len() >= AT_PORTS {
            break;
        }
    }
    match (first, refused) {
        (Some(Probed { echo, model, .. }), _) => Ok(Some(Found { device, ports, echo, model })),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(None),
    }
}

fn is_it(selector: &Selector, probed: &Probed) -> bool {
    match selector {
        Selector::Imei(imei) => probed.imei.iter().any(|line| imei.is_told_by(line)),
        Selector::Path(_) | Selector::Id(_) | Selector::Line(_) => true,
    }
}

impl Known {
    fn of(found: &Found) -> Self {
        Self {
            path: found.device.path.clone(),
            id: found.device.id,
            places: found.ports.iter().map(|port| port.place.clone()).collect(),
            echo: found.echo,
            model: found.model.clone(),
        }
    }

    /// Whether `device` is at the same place and in the same mode.
    fn is(&self, device: &Device) -> bool {
        device.path == self.path && device.id == self.id
    }

    /// `device` with all its AT ports, if they are there.
    fn whole(&self, device: &Device) -> Option<Found> {
        let at = |place: &Place| device.ports.iter().find(|port| port.place == *place).cloned();
        let ports = self.places.iter().map(at).collect::<Option<Vec<DevicePort>>>()?;
        Some(Found { device: device.clone(), ports, echo: self.echo, model: self.model.clone() })
    }
}
