//! Finds a secret in a text, however it was encoded on its way there.
use base64::{Engine, prelude::BASE64_STANDARD};

/// What every canary begins with. It holds nothing that any encoding of a text must change.
pub(super) const MARK: &str = "canary4f7e1b";

/// How much of the text around a find is shown.
const AROUND: usize = 60;

/// Whether the text holds the secret in any form.
pub(super) fn holds(text: &str, secret: &str) -> bool {
    !hits(text, secret).is_empty()
}

/// What stands around each place at which the text holds the secret in any form.
pub(super) fn hits(text: &str, secret: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (form, is_exact) in forms(secret) {
        let text = if is_exact { text } else { &lower };
        found.extend(text.match_indices(&form).map(|(at, _)| {
            let start = text.floor_char_boundary(at.saturating_sub(AROUND));
            let end = text.ceil_char_boundary((at + form.len() + AROUND).min(text.len()));
            text[start..end].to_owned()
        }));
    }
    found
}

/// Plain, percent-encoded, in hexadecimal, as a list of numbers (how Rust shows bytes), and in Base64 of both alphabets
/// wherever in what was encoded the secret stood. True: letters are to be compared exactly.
fn forms(secret: &str) -> Vec<(String, bool)> {
    let bytes = secret.as_bytes();
    let each = |form: fn(&u8) -> String, between| bytes.iter().map(form).collect::<Vec<_>>().join(between);
    let mut forms = vec![
        (secret.to_ascii_lowercase(), false),
        (each(|byte| format!("%{byte:02x}"), ""), false),
        (each(|byte| format!("{byte:02x}"), ""), false),
        (each(u8::to_string, ", "), false),
        (each(u8::to_string, ","), false),
    ];
    for before in 0..3 {
        let text = BASE64_STANDARD.encode([&vec![0; before], bytes].concat());
        // The first and last characters hold bits of the neighbours.
        let inner = &text[(before * 4).div_ceil(3)..text.len() - 4];
        forms.push((inner.to_owned(), true));
        forms.push((inner.replace('+', "-").replace('/', "_"), true));
    }
    forms.dedup();
    forms
}

#[test]
fn a_secret_is_found_in_every_form_and_at_every_place() {
    for around in ["", "a", "ab", "user:", "Bearer "] {
        let text = format!("{around}{MARK}-place{around}");
        let base64 = BASE64_STANDARD.encode(&text);
        let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let debug = format!("{:?}", text.as_bytes());
        for form in [text.to_uppercase(), base64.clone(), base64.replace('+', "-"), percent, hex, debug] {
            assert!(holds(&format!("ü {form} ü"), MARK), "{form}");
        }
    }
    assert!(!holds("canary4f7e1, canary and c a n a r y 4f7e1b", MARK));
}
