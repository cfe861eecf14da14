//! The log goes to the standard error: as text for people and journald, or as JSON, one object a line.
//!
//! journald stamps each line itself and reads the level from a `<N>` before it (sd-daemon(3)); so under it a line
//! has that prefix and no time. Colour is never used: logs end up in files and tickets.

use shunt_config::LogFormat;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// The log, set up; it takes a new filter when the config is read again.
pub struct Logging {
    filter: reload::Handle<Targets, Registry>,
}

/// Why there is no log, or no new filter. Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It is no filter.
    #[error(
        "read [agent] log = {filter:?}: {source}; write a level such as \"info\", or \"info,shunt=debug\""
    )]
    Filter {
        /// As it is written.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process has a log already.
    #[error("set up the log: {0}")]
    Taken(#[from] tracing_subscriber::util::TryInitError),
    /// The log is gone.
    #[error("change the log's filter: {0}")]
    Gone(#[from] reload::Error),
}

impl Logging {
    /// Sets up the log of this process, once.
    ///
    /// # Errors
    ///
    /// When `filter` is none, or the process has a log already.
    pub fn start(filter: &str, format: LogFormat) -> Result<Self, LogError> {
        let (filter, handle) = reload::Layer::new(parse(filter)?);
        let lines = lines(format, goes_to_journal(), io::stderr);
        tracing_subscriber::registry().with(lines.with_filter(filter)).try_init()?;
        Ok(Self { filter: handle })
    }

    /// Takes another filter.
    ///
    /// # Errors
    ///
    /// When `filter` is none; the old one stays.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        Ok(self.filter.reload(parse(filter)?)?)
    }
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logging").finish_non_exhaustive()
    }
}

fn parse(filter: &str) -> Result<Targets, LogError> {
    // The parser knows no spaces: a target after one would match nothing.
    let pairs: String = filter.split_whitespace().collect();
    pairs.parse().map_err(|source| LogError::Filter { filter: filter.into(), source })
}

fn lines<S, W>(format: LogFormat, journal: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    match (format, journal) {
        (LogFormat::Json, _) => layer.json().flatten_event(true).with_target(false).boxed(),
        (LogFormat::Text, true) => layer.event_format(Journal::new()).boxed(),
        (LogFormat::Text, false) => layer.with_target(false).boxed(),
    }
}

/// Whether the standard error is the very stream that journald gave us (systemd.exec(5), JOURNAL_STREAM): a child's
/// redirected one is not.
fn goes_to_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else { return false };
    let Ok(file) = io::stderr().as_fd().try_clone_to_owned().map(File::from) else { return false };
    let Ok(known) = file.metadata() else { return false };
    stream.to_str() == Some(&format!("{}:{}", known.dev(), known.ino()))
}

/// `<N>`, then the line.
struct Journal {
    line: Format<Full, ()>,
}

impl Journal {
    fn new() -> Self {
        Self { line: Format::default().without_time().with_level(false).with_target(false) }
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.line.format_event(context, writer, event)
    }
}

/// The level of syslog(3).
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, journal: bool, filter: &str, say: impl FnOnce()) -> String {
        let page = Page::default();
        let copy = page.clone();
        let layer = lines(format, journal, move || copy.clone()).with_filter(parse(filter).unwrap());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn say() {
        tracing::warn!(link = "fiber", "fiber (IPv4) failed");
        tracing::debug!("not wanted");
    }

    #[test]
    fn under_journald_a_line_has_its_level_and_no_time() {
        let text = written(LogFormat::Text, true, "info", say);
        assert_eq!(text, "<4>fiber (IPv4) failed link=\"fiber\"\n");
    }

    #[test]
    fn elsewhere_a_line_has_time_and_level_and_no_colour() {
        let text = written(LogFormat::Text, false, "info", say);
        let (time, line) = text.split_once(' ').unwrap();
        humantime::parse_rfc3339(time).unwrap();
        assert_eq!(line.trim_start(), "WARN fiber (IPv4) failed link=\"fiber\"\n");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = written(LogFormat::Json, true, "info", say);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["level"], "WARN");
        assert_eq!(value["message"], "fiber (IPv4) failed");
        assert_eq!(value["link"], "fiber");
    }

    #[test]
    fn the_filter_is_the_configs() {
        assert_eq!(written(LogFormat::Text, true, "debug", say).lines().count(), 2);
        assert_eq!(written(LogFormat::Text, true, "error", say), "");
        assert_eq!(written(LogFormat::Text, true, "error, shunt::daemon=DEBUG", say).lines().count(), 2);
        assert_eq!(written(LogFormat::Text, true, "debug, shunt::daemon=error", say), "");
        let error = parse("shunt=loud").unwrap_err().to_string();
        assert!(error.contains("\"shunt=loud\"") && error.contains("\"info\""), "{error}");
    }
}
