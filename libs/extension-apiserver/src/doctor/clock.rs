//! Certificates and tokens that are good on one machine are not on another whose clock is wrong.
use super::{Check, Finding};
use http::{HeaderMap, Request, header::DATE};
use jiff::{Timestamp, fmt::rfc2822};

/// Requests take their time, and `Date` has no fractions.
const TOLERATED_SECONDS: i64 = 30;

pub(super) async fn look(client: &kube::Client) -> Vec<Finding> {
    let request = Request::get("/version").body(kube::client::Body::empty()).expect("a request");
    match client.send(request).await {
        Ok(response) => judge(response.headers(), Timestamp::now()).into_iter().collect(),
        Err(error) => vec![Finding::unseen(Check::Clock, "kube-apiserver's clock", &error)],
    }
}

fn judge(headers: &HeaderMap, here: Timestamp) -> Option<Finding> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let there = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    let ahead = here.as_second() - there.as_second();
    if ahead.abs() <= TOLERATED_SECONDS {
        return None;
    }
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    let problem = format!(
        "the clock of this machine is {} s {which} kube-apiserver's: certificates and tokens are refused as expired or \
         not valid yet",
        ahead.abs()
    );
    Some(Finding::new(Check::Clock, problem, "set both clocks by NTP: timedatectl set-ntp true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_half_a_minute() {
        let headers = HeaderMap::from_iter([(DATE, "Sat, 01 Aug 2026 10:00:00 GMT".parse().unwrap())]);
        let at = |time: &str| judge(&headers, format!("2026-08-01T{time}Z").parse().unwrap());
        assert_eq!(at("10:00:30"), None);
        assert!(at("10:01:00").expect("wrong").problem.contains("60 s ahead of"));
        assert!(at("09:00:00").expect("wrong").problem.contains("3600 s behind"));
        assert_eq!(judge(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None, "nothing to compare with");
    }
}
