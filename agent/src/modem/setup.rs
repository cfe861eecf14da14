//! From a modem of the config to one that a driver takes: secrets are read from their files here, and nowhere else.

use shunt_config::{BearerAuth, BearerIp, Find, Modem, Remote, Sim};
use shunt_modem::Timing;
use shunt_modem::dialect::{Auth, Cid, Context, PdpType};
use shunt_modem::driver::api::{self, Gpio, Power};
use shunt_modem::ports::{DeviceId, ParseError, Probing, Selector, Sysfs};
use shunt_recovery::facts::Slot;
use shunt_recovery::{Allowance, Elsewhere, Hardware, Pin, SimConfig};
use shunt_sms::control::{Digits, Operator, Policy, Rate, Rolling, Secret};
use shunt_sms::{Home, Number};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The speed of nearly every modem on a serial line; one that has another finds it by itself.
const BAUD: u32 = 115_200;

/// No secret is longer; what is, was named by mistake.
const MAX_SECRET: u64 = 1_024;

/// The longest password that modems take (Quectel's `+QICSGP`; 3GPP names no bound).
const MAX_PASSWORD: usize = 127;

/// The clock may be off by a step of 30 s either way (RFC 6238 5.2).
const TIME_SKEW: u8 = 1;

/// Numbers of other countries begin with this nearly everywhere.
const INTERNATIONAL: &str = "00";

/// Why a modem cannot be set up. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("read {}: {source}; see pin_file, password_file and secret_file of the modem, and whether the agent's user may read it", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("read {}: there is no {what} in it; write it on the first line", path.display())]
    Nothing { path: PathBuf, what: &'static str },
    #[error("take the PIN in {}: a PIN has four to eight digits", path.display())]
    Pin { path: PathBuf },
    #[error(
        "take the password in {}: no modem takes one with quotes, backslashes, letters beyond ASCII or more than \
         {MAX_PASSWORD} characters; ask the provider for another", path.display()
    )]
    Password { path: PathBuf },
    #[error("take the secret in {}: {source}", path.display())]
    Secret { path: PathBuf, source: shunt_sms::control::SecretError },
    #[error("take the number {number:?} for remote control: write it with its country code")]
    Number { number: String },
    #[error("set the modem up: {0}")]
    Find(#[from] ParseError),
}

/// What the driver takes.
pub(super) fn driver(modem: &Modem) -> Result<api::Config, SetupError> {
    let sims: Vec<SimConfig> = modem.sims.iter().map(sim).collect::<Result<_, _>>()?;
    let power = match &modem.power {
        None => Power::None,
        Some(shunt_config::Power::Gpio { chip, line, active_high }) => {
            Power::Gpio(Gpio { chip: chip.clone(), line: *line, active_low: !active_high })
        }
        Some(shunt_config::Power::Mcu) => Power::Asked,
    };
    let hardware = Hardware { power: modem.power.is_some(), ..Hardware::default() };
    let contexts = modem.sims.iter().map(|sim| context(modem, sim)).collect::<Result<Vec<_>, _>>()?;
    let mut contexts = contexts.into_iter();
    Ok(api::Config {
        selector: selector(&modem.find)?,
        sysfs: Sysfs::system(),
        baud: BAUD,
        context: contexts.next().unwrap_or_else(|| bare(modem)),
        more_contexts: contexts.collect(),
        recovery: shunt_recovery::Config {
            hardware,
            sims,
            return_after: modem.return_after,
            watch: modem.watch,
            elsewhere: Elsewhere::default(),
        },
        power,
        usb: true,
        messages: true,
        timing: Timing::default(),
        probing: Probing::default(),
        speed: 1,
    })
}

/// Who may order what by SMS.
pub(super) fn policy(remote: &Remote) -> Result<Policy, SetupError> {
    let operator = |operator: &shunt_config::RemoteOperator| {
        let path = &operator.secret_file;
        let number = Number::parse(&operator.number)
            .map_err(|_| SetupError::Number { number: operator.number.clone() })?;
        let secret = Secret::from_base32(&secret(path, "secret")?)
            .map_err(|source| SetupError::Secret { path: path.clone(), source })?;
        Ok(Operator { name: operator.name.clone(), number, secret })
    };
    let operators = remote.operators.iter().map(operator).collect::<Result<_, SetupError>>()?;
    Ok(Policy {
        home: remote.country.clone().map(|country| Home {
            country,
            trunk: remote.trunk.clone(),
            international: INTERNATIONAL.to_owned(),
        }),
        rolling: if remote.by_time { Rolling::Time { skew: TIME_SKEW } } else { Rolling::default() },
        digits: match remote.digits {
            8 => Digits::Eight,
            7 => Digits::Seven,
            _ => Digits::Six,
        },
        per_number: Rate::an_hour(remote.per_number),
        in_all: Rate::an_hour(remote.in_all),
        ..Policy::new(operators)
    })
}

/// Which modem is meant.
pub(crate) fn selector(find: &Find) -> Result<Selector, ParseError> {
    Ok(match find {
        Find::Port(line) => Selector::Line(line.clone()),
        Find::Path(place) => Selector::Path(PathBuf::from(place)),
        Find::Usb { vendor, product } => Selector::Id(DeviceId { vendor: *vendor, product: *product }),
        Find::Imei(imei) => Selector::Imei(imei.parse()?),
    })
}

fn sim(sim: &Sim) -> Result<SimConfig, SetupError> {
    let pin = sim
        .pin_file
        .as_ref()
        .map(|path| Pin::parse(&secret(path, "PIN")?).ok_or_else(|| SetupError::Pin { path: path.clone() }));
    Ok(SimConfig {
        slot: sim.slot.map(Slot),
        pin: pin.transpose()?,
        allowance: sim.allowance.map(|bytes| Allowance { bytes, first_day: sim.billing_day }),
        // The driver finds out.
        wanted: None,
    })
}

fn context(modem: &Modem, sim: &Sim) -> Result<Context, SetupError> {
    let password = sim.password_file.as_ref().map(|path| password(path)).transpose()?;
    Ok(Context {
        apn: sim.apn.clone().unwrap_or_default(),
        auth: match sim.auth {
            BearerAuth::None => Auth::None,
            BearerAuth::Pap => Auth::Pap,
            BearerAuth::Chap => Auth::Chap,
        },
        user: sim.user.clone().unwrap_or_default(),
        password: password.unwrap_or_default(),
        ..bare(modem)
    })
}

/// A password that can be written into a command.
fn password(path: &Path) -> Result<String, SetupError> {
    let password = secret(path, "password")?;
    let good = |byte: u8| (b' '..=b'~').contains(&byte) && !matches!(byte, b'"' | b'\\');
    if password.len() > MAX_PASSWORD || !password.bytes().all(good) {
        return Err(SetupError::Password { path: path.to_owned() });
    }
    Ok(password)
}

/// The context of a SIM that needs nothing said.
fn bare(modem: &Modem) -> Context {
    Context {
        cid: Cid(modem.context),
        apn: String::new(),
        pdp: match modem.ip {
            BearerIp::V4 => PdpType::V4,
            BearerIp::V6 => PdpType::V6,
            BearerIp::V4V6 => PdpType::V4V6,
        },
        auth: Auth::None,
        user: String::new(),
        password: String::new(),
    }
}

/// The first line of a file, without the blanks around it.
fn secret(path: &Path, what: &'static str) -> Result<String, SetupError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_SECRET).read_to_string(&mut text))
        .map_err(|source| SetupError::Unreadable { path: path.to_owned(), source })?;
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(SetupError::Nothing { path: path.to_owned(), what }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modem(keys: &str) -> Modem {
        let text = format!(
            "[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\n[[modem]]\nlink = \"lte\"\nusb = \"2c7c:0125\"\n{keys}"
        );
        shunt_config::parse(&text, Path::new("test.toml")).unwrap().modems.remove(0)
    }

    #[test]
    fn a_modem_is_set_up_with_what_its_files_hold_and_shows_none_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (pin, password) = (file("pin", " 4711 \n"), file("password", "hush hush\n"));
        let modem = modem(&format!(
            "user = \"me\"\nauth = \"chap\"\npassword_file = {password:?}\nip = \"v4\"\ncontext = 3\n\
             [[modem.sim]]\nslot = 2\npin_file = {pin:?}\napn = \"a.example\"\n\
             [[modem.sim]]\nslot = 1\nallowance = \"1 GB\"\nbilling_day = 9\n\
             [modem.power]\nchip = \"gpiochip1\"\nline = 4\nactive = \"low\"\n"
        ));
        let config = driver(&modem).unwrap();
        assert_eq!(
            (config.context.password.as_str(), config.context.apn.as_str()),
            ("hush hush", "a.example")
        );
        assert_eq!(
            (config.context.cid, config.context.pdp, config.more_contexts[0].apn.as_str()),
            (Cid(3), PdpType::V4, "")
        );
        let sims = &config.recovery.sims;
        assert_eq!(sims[0].pin.as_ref().map(Pin::reveal), Some("4711"));
        assert_eq!(sims[1].allowance, Some(Allowance { bytes: 1_000_000_000, first_day: 9 }));
        let Power::Gpio(gpio) = &config.power else { panic!("{config:?}") };
        assert!(gpio.active_low && gpio.line == 4 && gpio.chip == Path::new("/dev/gpiochip1"));
        let shown = format!("{config:?} {modem:?}");
        assert!(!shown.contains("hush") && !shown.contains("4711"), "{shown}");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pin");
        let modem = modem(&format!("pin_file = {path:?}\n"));
        let why = || driver(&modem).unwrap_err().to_string();
        assert!(why().contains("see pin_file"), "{}", why());
        std::fs::write(&path, "\n").unwrap();
        assert!(why().contains("there is no PIN in it"), "{}", why());
        std::fs::write(&path, "12\n").unwrap();
        assert!(why().contains("four to eight digits") && !why().contains("12"), "{}", why());
        let modem = self::modem(&format!("user = \"me\"\nauth = \"chap\"\npassword_file = {path:?}\n"));
        let long = "x".repeat(MAX_PASSWORD + 1);
        for password in ["hu\"sh", "hu\\sh", "h\u{fc}sh", "hu\tsh", &long] {
            std::fs::write(&path, format!("{password}\n")).unwrap();
            let why = driver(&modem).unwrap_err().to_string();
            assert!(why.contains("quotes") && !why.contains(password), "{why}");
        }
        std::fs::write(&path, &long[1..]).unwrap();
        assert!(driver(&modem).is_ok());
    }
}
