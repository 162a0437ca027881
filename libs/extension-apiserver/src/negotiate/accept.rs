//! The grammar of `Accept`: clauses with a media range, a quality and parameters, best first.

/// One clause of the header.
#[derive(Debug)]
pub(super) struct Clause {
    range: String,
    subrange: String,
    parameters: Vec<(String, String)>,
    quality: f32,
}

impl Clause {
    /// Whether the media range covers a media type.
    pub(super) fn covers(&self, media_type: &str) -> bool {
        let (kind, subkind) = media_type.split_once('/').unwrap_or((media_type, ""));
        match (self.range.as_str(), self.subrange.as_str()) {
            ("*", "*") => true,
            (range, "*") => range == kind,
            (range, subrange) => range == kind && subrange == subkind,
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What the object is to be turned into, as `group/version/Kind`; `None` if it is not.
    pub(super) fn target(&self) -> Option<String> {
        let part = |name| self.parameter(name);
        if part("g").is_none() && part("v").is_none() && part("as").is_none() {
            return None;
        }
        let [group, version, kind] = ["g", "v", "as"].map(|name| part(name).unwrap_or_default());
        Some(format!("{group}/{version}/{kind}"))
    }

    /// Exact types before subtype wildcards before full ones.
    fn specificity(&self) -> u8 {
        u8::from(self.range != "*") + u8::from(self.subrange != "*")
    }
}

/// The clauses, best first; those that cannot be read or have quality zero are left out.
pub(super) fn parse(header: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = header.split(',').filter_map(clause).collect();
    clauses
        .sort_by(|a, b| b.quality.total_cmp(&a.quality).then_with(|| b.specificity().cmp(&a.specificity())));
    clauses
}

fn clause(text: &str) -> Option<Clause> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?.to_ascii_lowercase();
    let (range, subrange) = match range.split_once('/') {
        Some((range, subrange)) => (range.to_owned(), subrange.to_owned()),
        None if range == "*" => ("*".to_owned(), "*".to_owned()),
        None => return None,
    };
    let mut clause = Clause { range, subrange, parameters: Vec::new(), quality: 1.0 };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
        if name == "q" {
            clause.quality = value.parse().unwrap_or(1.0);
        } else {
            clause.parameters.push((name, value.to_owned()));
        }
    }
    (clause.quality > 0.0).then_some(clause)
}
