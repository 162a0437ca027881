//! Whatever a spec holds, there is a verdict that can be shown to anybody.
use super::*;
use proptest::{collection::vec, option, prelude::*};

const PASSWORD: &str = "hunter2";

/// Every text and number that a user may write.
fn specs() -> impl Strategy<Value = ExternalSourceSpec> {
    let text = || ".{0,40}|[a-z0-9:/.%@*-]{0,40}";
    let http = (text(), text(), text(), text(), text(), option::of(vec(any::<i64>(), 0..4)));
    let http = http.prop_map(|(url, method, name, key, text, codes)| HttpGenerator {
        url,
        method,
        headers_secret_ref: Some(SecretReference { name: name.clone() }),
        ca_bundle_secret_ref: Some(SecretKeyReference { name, key }),
        expected_status: codes,
        expected_content_type: Some(vec![text.clone()]),
        sha256: Some(text),
        ..HttpGenerator::default()
    });
    let rest = (text(), text(), option::of(text()), any::<i64>(), any::<i64>(), option::of(text()));
    let schedule = (text(), text(), text());
    let schedule = schedule.prop_map(|(cron, time_zone, window)| vec![Schedule { cron, time_zone, window }]);
    (http, rest, option::of(text()), schedule).prop_map(
        |(http, (interval, timeout, path, retries, limit, age), pin, schedule)| ExternalSourceSpec {
            interval,
            schedule,
            timeout,
            destination_path: path,
            max_retries: retries,
            generator: Generator { http: Some(http), ..Generator::default() },
            history: Some(History { limit, max_age: age }),
            pin,
            ..ExternalSourceSpec::default()
        },
    )
}

proptest! {
    #[test]
    fn any_spec_gets_a_verdict_that_fits_a_line(spec in specs()) {
        for violation in spec.violations() {
            prop_assert!(violation.path.starts_with("spec."), "{violation}");
            prop_assert!(!violation.detail.chars().any(char::is_control), "{violation}");
        }
        for warning in spec.warnings() {
            prop_assert!(warning.len() <= 120 && !warning.chars().any(char::is_control), "{warning}");
        }
    }

    #[test]
    fn any_address_with_a_password_is_refused_and_not_repeated(
        scheme in "https?|HTTPS|ftp|[a-z]{0,5}",
        slashes in r"(:|:/|://|:///|:\\\\|//)?",
        user in "[a-z%0-9]{0,5}",
        host in r"[a-z.:\[\]0-9%]{0,12}",
        rest in r"([/?#@\\][ -~]{0,12})?",
    ) {
        let url = format!("{scheme}{slashes}{user}:{PASSWORD}@{host}{rest}");
        let spec = with_http(|http| http.url = url);
        let said = check(&spec).expect_err("a password has no place in an address").to_string();
        prop_assert!(!said.contains(PASSWORD), "{said}");
        prop_assert!(!spec.warnings().concat().contains(PASSWORD));
    }
}
