//! The moments that a cron expression names in a time zone. Pure: the time zones are those that the program was built with.
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{
    Timestamp, Zoned,
    tz::{TimeZone, TimeZoneDatabase},
};

/// What the field of each position is called, and what it may hold.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of week", "0 to 7, or SUN to SAT"),
];

/// What stands for five fields.
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Why texts name no moments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMoments {
    /// It does not have five fields, and is no nickname.
    #[error(
        "must be five fields, minute, hour, day of month, month and day of week, such as 0 8 * * 1-5; or one of @hourly, @daily, @weekly, @monthly, @yearly"
    )]
    Shape,
    /// A field holds what it may not hold.
    #[error("its {name} must be *, or {range}, with lists (a,b), ranges (a-b) and steps (*/n)")]
    Field {
        /// Which field.
        name: &'static str,
        /// What numbers it may hold.
        range: &'static str,
    },
    /// There is no such day in any year.
    #[error("must name days that there are")]
    Never,
    /// There is no time zone of that name.
    #[error("must be the name of a time zone in the IANA database, such as {suggestion}")]
    Zone {
        /// One that there is, and that may have been meant.
        suggestion: String,
    },
}

/// Moments, without end in both directions.
#[derive(Clone, Debug)]
pub struct Moments {
    cron: Cron,
    zone: TimeZone,
}

impl Moments {
    /// Reads a cron expression and the name of a time zone.
    ///
    /// # Errors
    /// One of them is none, or no day is meant that there is.
    pub fn new(cron: &str, zone: &str) -> Result<Self, NotMoments> {
        let moments = Self { cron: expression(cron)?, zone: self::zone(zone)? };
        // Over four hundred years the calendar repeats itself, so any start is as good as another.
        moments.after(Timestamp::UNIX_EPOCH).map(|_| moments).ok_or(NotMoments::Never)
    }

    /// The first one later than `time`, to the second.
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&self.local(time), false).ok()?.timestamp();
        (found > time).then_some(found)
    }

    /// The last one that is not later than `time`.
    pub fn until(&self, time: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&self.local(time), true).ok()?.timestamp();
        (found <= time).then_some(found)
    }

    /// Moments are whole seconds.
    fn local(&self, time: Timestamp) -> Zoned {
        Timestamp::from_second(time.as_second()).unwrap_or(time).to_zoned(self.zone.clone())
    }
}

/// Whether `name` is one of a time zone.
///
/// # Errors
/// There is none of that name.
pub(super) fn zone(name: &str) -> Result<TimeZone, NotMoments> {
    let zones = TimeZoneDatabase::bundled();
    let known = zones.get(name).ok().filter(|zone| !zone.is_unknown());
    known.ok_or_else(|| NotMoments::Zone { suggestion: suggestion(&zones, name) })
}

/// The zone whose city is meant, if that is all that was said of it.
fn suggestion(zones: &TimeZoneDatabase, name: &str) -> String {
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().replace(' ', "_");
    let meant = city(name);
    let is_meant = |known: &str| known != name && city(known).eq_ignore_ascii_case(&meant);
    let named = zones.available().find(|known| is_meant(known.as_str()));
    named.map_or_else(|| "Europe/Berlin or UTC".to_owned(), |known| known.as_str().to_owned())
}

/// Reads a cron expression.
///
/// # Errors
/// It is none, and which field is to blame.
pub(super) fn expression(text: &str) -> Result<Cron, NotMoments> {
    let nickname = NICKNAMES.iter().find(|(name, _)| text.trim().eq_ignore_ascii_case(name));
    let text = nickname.map_or(text, |(_, meaning)| meaning);
    let fields: Vec<&str> = text.split_whitespace().collect();
    let Ok(fields) = <[&str; 5]>::try_from(fields) else { return Err(NotMoments::Shape) };
    for (position, field) in fields.iter().enumerate() {
        let mut alone = ["*"; 5];
        alone[position] = field;
        if !is_portable(field) || parse(&alone).is_none() {
            let (name, range) = FIELDS[position];
            return Err(NotMoments::Field { name, range });
        }
    }
    parse(&fields).ok_or(NotMoments::Shape)
}

fn parse(fields: &[&str; 5]) -> Option<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
    // `5/15` is every quarter of an hour from the fifth minute on, here as in Flux.
    parser.sloppy_ranges(true).build().parse(&fields.join(" ")).ok()
}

/// Whether a field is written in what every cron knows: no last, nearest or nth day, and a start before each step.
fn is_portable(field: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '?' | ',' | '-' | '/');
    let words = || field.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    field.chars().all(known)
        && words().all(|word| word.len() == 3)
        && field.split(',').all(|part| !part.is_empty() && !part.starts_with('/'))
}

#[cfg(test)]
mod tests;
