//! Log lines on standard error, as JSON for machines or as text for people, and panics among them.
use std::{any::Any, io, panic, str::FromStr};
use thiserror::Error;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    registry,
    util::SubscriberInitExt as _,
};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// A line to be read by people, coloured on a terminal.
    Text,
}

impl Format {
    /// The names of all formats, as the flag takes them.
    pub const NAMES: [&'static str; 2] = ["json", "text"];
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(Error::UnknownFormat { name: name.to_owned() }),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The format is none of [`Format::NAMES`].
    #[error("unknown log format {name:?}, must be json or text")]
    UnknownFormat {
        /// What was given.
        name: String,
    },
    /// A part of the filter names no level.
    #[error("{word:?} in the log filter is no level, must be like info or info,controller=debug")]
    UnknownLevel {
        /// The part.
        word: String,
    },
    /// Something else in this process logs already.
    #[error("failed to install the logger")]
    AlreadyInstalled {
        /// Who was there first.
        #[source]
        source: tracing_subscriber::util::TryInitError,
    },
}

/// Starts logging for the whole process. `filter` is a level, or levels a module: `info,kube=warn`.
///
/// # Errors
/// The filter cannot be read, or logging was started before.
pub fn init(format: Format, filter: &str) -> Result<(), Error> {
    let logged = registry().with(levels(filter)?);
    let lines = fmt::layer().with_writer(io::stderr);
    match format {
        Format::Json => logged.with(lines.json().flatten_event(true).with_span_list(false)).try_init(),
        Format::Text => {
            let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
            logged.with(lines.with_ansi(is_terminal).with_target(false)).try_init()
        }
    }
    .map_err(|source| Error::AlreadyInstalled { source })?;
    log_panics();
    Ok(())
}

/// Takes no word for the name of a module that is to be logged in full, as [`Targets`] would: most often it is a level with a typing
/// error, and all else would tell of nothing but errors.
fn levels(filter: &str) -> Result<Targets, Error> {
    // What nobody names is not silent about what fails.
    let mut levels = Targets::new().with_default(LevelFilter::ERROR);
    for word in filter.split(',').filter(|word| !word.is_empty()) {
        let unknown = || Error::UnknownLevel { word: word.to_owned() };
        let (module, level) =
            word.rsplit_once('=').map_or((None, word), |(module, level)| (Some(module), level));
        let level = match level.parse::<LevelFilter>() {
            Ok(known) if !level.is_empty() && module != Some("") => known,
            _ => return Err(unknown()),
        };
        levels = match module {
            Some(module) => levels.with_target(module, level),
            None => levels.with_default(level),
        };
    }
    Ok(levels)
}

/// A panic is a log line like any other, so that whoever reads JSON finds it.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let at = info.location().map(ToString::to_string);
        tracing::error!(error = panic_message(info.payload()), at, "panicked");
    }));
}

/// What a panic said, when it said it in words.
pub fn panic_message(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn formats_are_named_as_the_flag_names_them() {
        for name in Format::NAMES {
            name.parse::<Format>().unwrap();
        }
        let error = "xml".parse::<Format>().expect_err("no such format");
        assert_eq!(error.to_string(), r#"unknown log format "xml", must be json or text"#);
    }

    #[test]
    fn a_filter_without_a_level_is_refused_in_words() {
        for (filter, word) in [
            ("loud", "loud"),
            ("info,contoller", "contoller"),
            ("info,a=", "a="),
            ("=x=", "=x="),
            ("=info", "=info"),
        ] {
            let error = levels(filter).expect_err("no level").to_string();
            assert_eq!(
                error,
                format!("{word:?} in the log filter is no level, must be like info or info,controller=debug")
            );
        }
    }

    #[test]
    fn a_module_has_its_own_level_and_the_others_that_of_the_rest() {
        let levels = levels("info,controller=debug,kube=OFF,").unwrap();
        for (module, level, is_logged) in [
            ("controller::lease", Level::DEBUG, true),
            ("controller", Level::TRACE, false),
            ("webhook", Level::INFO, true),
            ("webhook", Level::DEBUG, false),
            ("kube::client", Level::ERROR, false),
        ] {
            assert_eq!(levels.would_enable(module, &level), is_logged, "{module} {level}");
        }
        for filter in ["", "controller=debug"] {
            let levels = super::levels(filter).unwrap();
            assert!(
                levels.would_enable("webhook", &Level::ERROR)
                    && !levels.would_enable("webhook", &Level::WARN)
            );
        }
    }

    #[test]
    fn a_panic_says_what_it_said() {
        assert_eq!(panic_message(&"static"), "static");
        assert_eq!(panic_message(&String::from("owned")), "owned");
        assert_eq!(panic_message(&5), "(no message)");
    }
}
