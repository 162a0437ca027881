//! What makes a selection of files wrong.
use super::{ExternalSourceSpec, LONGEST_PATH, Violations};
use crate::{external_source::Select, path_patterns};

const MOST_STRIPPED: i64 = 32;
const MOST_PATTERNS: usize = 64;

pub(super) fn select(found: &mut Violations, select: &Select, spec: &ExternalSourceSpec) {
    if !spec.layout.is_empty() {
        found.forbidden(
            "spec.select",
            "may not be set together with spec.layout, which names the files itself",
        );
    } else if spec.generator.settings().is_some_and(|settings| settings.unpacks().is_none()) {
        let kind = spec.generator.type_.name();
        let detail = format!(
            "may only be set where the files of an archive are the artifact: set spec.generator.{kind}.unpack to Auto or Always"
        );
        found.forbidden("spec.select", &detail);
    }
    if let Some(count) = select.strip_components.filter(|count| !(0..=MOST_STRIPPED).contains(count)) {
        found.invalid_number("spec.select.stripComponents", count, "must be from 0 to 32");
    }
    patterns(found, "spec.select.include", &select.include);
    patterns(found, "spec.select.exclude", &select.exclude);
}

fn patterns(found: &mut Violations, field: &str, patterns: &[String]) {
    if patterns.len() > MOST_PATTERNS {
        found.invalid_number(field, patterns.len() as i64, "must be 64 patterns or fewer");
    }
    for (i, text) in patterns.iter().enumerate() {
        let field = format!("{field}[{i}]");
        if text.len() > LONGEST_PATH {
            found.too_long(&field, text.len(), LONGEST_PATH);
        } else if let Err(why) = path_patterns::pattern(text) {
            found.invalid(&field, text, &format!("must be a pattern such as deploy/**/*.yaml: {why}"));
        } else if text.is_empty()
            || text.starts_with('/')
            || text.split('/').any(|step| matches!(step, "." | ".."))
        {
            let detail = "must be relative, without empty patterns, . and ..: paths in archives are";
            found.invalid(&field, text, detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        external_source::{Expression, Generator, HttpGenerator, LayoutFile, Unpack},
        rules::Rules,
    };

    fn spec(select: Select, unpack: Unpack) -> ExternalSourceSpec {
        let http = HttpGenerator {
            url: "https://example.dev/data".into(),
            method: "GET".into(),
            unpack: Some(unpack),
            ..HttpGenerator::default()
        };
        ExternalSourceSpec {
            interval: "10m".into(),
            timeout: "30s".into(),
            generator: Generator { http: Some(http), ..Generator::default() },
            select: Some(select),
            ..ExternalSourceSpec::default()
        }
    }

    fn wrong(spec: &ExternalSourceSpec) -> Vec<String> {
        spec.violations().into_iter().map(|error| error.path).collect()
    }

    fn including(patterns: &[&str]) -> Select {
        Select { include: patterns.iter().map(ToString::to_string).collect(), ..Select::default() }
    }

    #[test]
    fn only_the_files_of_an_archive_can_be_selected() {
        let select = including(&["deploy/**"]);
        assert_eq!(wrong(&spec(select.clone(), Unpack::Auto)), [""; 0]);
        assert_eq!(wrong(&spec(select.clone(), Unpack::Never)), ["spec.select"]);
        let layout = vec![LayoutFile {
            path: "a".into(),
            expression: Expression { cel: Some("body".into()), ..Expression::default() },
        }];
        assert_eq!(wrong(&ExternalSourceSpec { layout, ..spec(select, Unpack::Never) }), ["spec.select"]);
    }

    #[test]
    fn each_pattern_that_is_wrong_is_named() {
        let mut select = including(&["a/**", "[a", "/a", "../a", "", &"a".repeat(256)]);
        select.exclude = vec!["{a".into()];
        select.strip_components = Some(33);
        let expected = [
            "spec.select.stripComponents",
            "spec.select.include[1]",
            "spec.select.include[2]",
            "spec.select.include[3]",
            "spec.select.include[4]",
            "spec.select.include[5]",
            "spec.select.exclude[0]",
        ];
        assert_eq!(wrong(&spec(select, Unpack::Always)), expected);
        assert_eq!(wrong(&spec(including(&["a"; 65]), Unpack::Always)), ["spec.select.include"]);
    }
}
