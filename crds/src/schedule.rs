//! When something may be done by itself: moments that cron expressions name, and windows that open at them.
//!
//! Field names, defaults and meaning are those of flux-operator's ResourceSetInputProvider.
mod calendar;
mod moments;
pub(crate) mod rules;

pub use calendar::Calendar;
pub use moments::{Moments, NotMoments};

use crate::duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moments, and for how long from each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// When, as five fields of cron: minute, hour, day of month, month, day of week, such as `0 8 * * 1-5`; or `@hourly`,
    /// `@daily`, `@weekly`, `@monthly`, `@yearly`. Where both days are restricted, either is enough.
    pub cron: String,
    /// The time zone of `cron`, as the IANA database names it, such as `Europe/Berlin`. A moment that clocks skip in spring is the one
    /// at which they go on, and one at a given hour that they repeat in autumn comes once. Unset means `UTC`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// For how long from each moment, as a Go duration: fetches are made at `interval` meanwhile, and none is begun that could not end
    /// in time. At least twice `timeout`. Unset or `0s` means one fetch at each moment.
    #[serde(default = "no_window")]
    #[schemars(extend("pattern" = duration::PATTERN))]
    pub window: String,
}

fn utc() -> String {
    "UTC".into()
}

fn no_window() -> String {
    "0s".into()
}
