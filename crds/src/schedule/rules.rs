//! What makes a schedule wrong.
use super::{
    Schedule,
    moments::{Moments, NotMoments, expression, zone},
};
use crate::{duration, rules::Violations};
use std::time::Duration;

const MOST: usize = 16;
const LONGEST_CRON: usize = 256;
const LONGEST_ZONE: usize = 64;
/// A leap year: whatever comes once a year is always open then.
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 24 * 3600);

/// Says what is wrong with the schedules in the field `path`, for what may take `timeout`.
pub(crate) fn schedules(found: &mut Violations, path: &str, schedules: &[Schedule], timeout: Duration) {
    if schedules.len() > MOST {
        found.invalid_number(path, schedules.len() as i64, "must be 16 entries or fewer");
    }
    for (i, schedule) in schedules.iter().enumerate() {
        moments(found, &format!("{path}[{i}]"), schedule);
        window(found, &format!("{path}[{i}].window"), &schedule.window, timeout);
    }
}

fn moments(found: &mut Violations, path: &str, Schedule { cron, time_zone, .. }: &Schedule) {
    let (cron_path, zone_path) = (format!("{path}.cron"), format!("{path}.timeZone"));
    let mut judged = |path: &str, text: &str, longest: usize, judge: fn(&str) -> Option<NotMoments>| {
        if text.len() > longest {
            found.too_long(path, text.len(), longest);
        } else if let Some(why) = judge(text) {
            found.invalid(path, text, &why.to_string());
        } else {
            return true;
        }
        false
    };
    let is_cron = judged(&cron_path, cron, LONGEST_CRON, |text| expression(text).err());
    let is_zone = judged(&zone_path, time_zone, LONGEST_ZONE, |text| zone(text).err());
    if let Some(never) = (is_cron && is_zone).then(|| Moments::new(cron, time_zone).err()).flatten() {
        found.invalid(&cron_path, cron, &never.to_string());
    }
}

fn window(found: &mut Violations, path: &str, text: &str, timeout: Duration) {
    let least = timeout * 2;
    match duration::parse(text) {
        Err(error) => found.invalid(path, text, &error.to_string()),
        Ok(window) if window.is_zero() || (least..=LONGEST_WINDOW).contains(&window) => {}
        Ok(window) if window < least => {
            let detail = format!("must be 0s, or twice spec.timeout or more: {}", duration::format(least));
            found.invalid(path, text, &detail);
        }
        Ok(_) => found.invalid(path, text, "must be 8784h or less, which is a year"),
    }
}

#[cfg(test)]
mod tests;
