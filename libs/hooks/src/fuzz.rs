//! What must hold whatever a file and a command line say. It panics where that is broken.
//!
//! The crate `fuzz` at the root gives it bytes without end, on nightly; the test here gives it the seeds of its corpus.
use crate::Whitelist;
use regex::Regex;
use serde_json::Value;

/// The first line is a command and its arguments, with tabs between them; the rest is a file. The file is a whitelist or
/// refused in words; what runs is listed as it is written and not forbidden, and each argument fits a pattern, if there are any.
pub fn whitelist(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (line, file) = text.split_once('\n').unwrap_or((text, ""));
    let mut words = line.split('\t').map(str::to_owned);
    let command = words.next().unwrap_or_default();
    let args: Vec<String> = words.collect();
    let whitelist = match Whitelist::parse(file) {
        Ok(whitelist) => whitelist,
        Err(invalid) => return assert!(!invalid.to_string().is_empty()),
    };
    if whitelist.check(&command, &args, []).is_err() {
        return;
    }
    let file: Value = serde_saphyr::from_str(file).expect("it was read before");
    let rule = file["commands"].get(&command).expect("what runs is listed");
    assert_ne!(rule["allowed"], Value::Bool(false), "{command} is forbidden");
    let patterns = rule["argumentPatterns"].as_array().map(Vec::as_slice).unwrap_or_default();
    for argument in &args {
        assert!(!argument.contains(|c: char| c.is_control() && c != '\t'), "{argument:?}");
        let fits = |pattern: &Value| pattern.as_str().is_none_or(|pattern| matches(pattern, argument));
        assert!(!patterns.is_empty() || !argument.starts_with('-'), "{argument} is an option");
        assert!(patterns.is_empty() || patterns.iter().any(fits), "{argument} fits no pattern");
    }
    let variable = "LD_PRELOAD".to_owned();
    assert!(whitelist.check(&command, &args, [&variable]).is_err(), "{variable} may be set");
}

/// Whether the pattern fits some part of the argument: what fits the whole does.
fn matches(pattern: &str, argument: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(argument))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_seed_is_judged() {
        seeds::replay(&[("whitelist", super::whitelist)]);
    }
}
