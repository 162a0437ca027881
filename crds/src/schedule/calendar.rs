//! What several schedules together allow. Pure: the time is an argument.
use super::{Moments, Schedule};
use crate::duration;
use jiff::Timestamp;
use std::time::Duration;

/// When something may be done by itself.
#[derive(Clone, Debug)]
pub struct Calendar {
    entries: Vec<Entry>,
    /// How long what is done may take.
    timeout: Duration,
}

#[derive(Clone, Debug)]
struct Entry {
    moments: Moments,
    /// Zero: only the moment.
    window: Duration,
}

impl Calendar {
    /// What these schedules allow to be done that takes no longer than `timeout`. `None` where there is none, or one of them is wrong.
    pub fn of(schedules: &[Schedule], timeout: Duration) -> Option<Self> {
        let entry = |schedule: &Schedule| {
            let moments = Moments::new(&schedule.cron, &schedule.time_zone).ok()?;
            Some(Entry { moments, window: duration::parse(&schedule.window).ok()? })
        };
        let entries = schedules.iter().map(entry).collect::<Option<Vec<_>>>()?;
        (!entries.is_empty()).then_some(Self { entries, timeout })
    }

    /// The first moment of all that is later than `time`.
    pub fn next(&self, time: Timestamp) -> Timestamp {
        self.entries.iter().filter_map(|entry| entry.moments.after(time)).min().unwrap_or(Timestamp::MAX)
    }

    /// Whether what begins at `time` ends in a window that is open then.
    pub fn is_open(&self, time: Timestamp) -> bool {
        self.entries.iter().filter(|entry| !entry.window.is_zero()).any(|entry| {
            let closes = entry.moments.until(time).map(|opened| later(opened, entry.window));
            closes.is_some_and(|closes| later(time, self.timeout) < closes)
        })
    }

    /// When what is due at `due` may be done, seen from `now`: then, or at the next moment. `again`: it has been tried, and goes on
    /// where a moment has no end.
    pub fn admitted(&self, due: Timestamp, now: Timestamp, again: bool) -> Timestamp {
        let at = due.max(now);
        let goes_on = again && self.entries.iter().any(|entry| entry.window.is_zero());
        if goes_on || self.is_open(at) || self.is_owed(due, at) { due } else { self.next(at) }
    }

    /// Whether a moment without a window lies between these two, both included.
    fn is_owed(&self, since: Timestamp, until: Timestamp) -> bool {
        let instants = self.entries.iter().filter(|entry| entry.window.is_zero());
        instants.filter_map(|entry| entry.moments.until(until)).any(|moment| moment >= since)
    }
}

fn later(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
