//! The table of `docs/benchmarks.md`: goals, what was measured, and the verdict that follows.
use crate::samples::{Samples, Unit};
use std::fmt::Write;

/// What became of one part of the run.
pub(crate) enum Part {
    Measured(Vec<Section>),
    /// It ended with an error, which is not for the page; this is its name.
    Failed(String),
}

/// What one bench found.
pub(crate) struct Section {
    pub(crate) title: String,
    /// How it was measured, in sentences.
    pub(crate) method: String,
    pub(crate) rows: Vec<Row>,
    /// What a person would type to see the same.
    pub(crate) commands: Vec<String>,
}

/// One line of a table.
pub(crate) struct Row {
    what: String,
    goal: Option<Goal>,
    unit: Unit,
    measured: Samples,
    peer: Option<Samples>,
}

/// What a median must keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// In the unit of the row as it was given: bytes, seconds.
    AtMost(f64),
    /// That many times what the peer reached, or more.
    TimesPeer(f64),
    /// That many times what the peer took, or less.
    WithinPeer(f64),
}

impl Row {
    /// A line for information.
    pub(crate) fn new(what: impl Into<String>, unit: Unit, measured: Samples) -> Self {
        Self { what: what.into(), goal: None, unit, measured, peer: None }
    }

    pub(crate) fn beside(self, peer: Samples) -> Self {
        Self { peer: Some(peer), ..self }
    }

    pub(crate) fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|peer| self.measured.median() / peer.median())
    }

    fn met(&self) -> Option<bool> {
        match self.goal? {
            Goal::AtMost(limit) => Some(self.measured.median() <= limit),
            Goal::TimesPeer(times) => Some(self.ratio()? >= times),
            Goal::WithinPeer(times) => Some(self.ratio()? <= times),
        }
    }

    fn markdown(&self) -> String {
        let goal = match self.goal {
            None => String::new(),
            Some(Goal::AtMost(limit)) => format!("≤ {}", shown(limit, self.unit)),
            Some(Goal::TimesPeer(times)) => format!("≥ {times} × peer"),
            Some(Goal::WithinPeer(times)) => format!("≤ {} × peer", (times * 1e3).round() / 1e3),
        };
        let peer = self.peer.as_ref().map(|peer| peer.text(self.unit)).unwrap_or_default();
        let ratio = self.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let verdict = match self.met() {
            None => "",
            Some(true) => "met",
            Some(false) => "**not met**",
        };
        let measured = self.measured.text(self.unit);
        format!("| {} | {goal} | {measured} | {peer} | {ratio} | {verdict} |", self.what)
    }
}

/// A limit without the decimals that only a measurement has.
fn shown(limit: f64, unit: Unit) -> String {
    let number = unit.number(limit);
    let number =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    format!("{number} {}", unit.symbol()).trim_end().to_owned()
}

/// The command that measures one part.
pub(crate) fn alone(part: &str) -> String {
    format!("POSTERN_BIN=target/dist/postern target/release/bench run --only {part}")
}

/// The whole page.
pub(crate) fn markdown(setting: &str, parts: &[Part]) -> String {
    let mut page = format!(
        "# Benchmarks\n\nWritten by `make bench`; do not edit. Every number comes from this one run.\n\n{setting}\n\n\
         A measured value is the median of all rounds, with the smallest and the largest in brackets; the verdict is \
         that of the median. Lines without a goal are for information.\n"
    );
    let failed = failed(parts);
    if !failed.is_empty() {
        writeln!(page, "\n**Failed, and therefore missing: {}.**", failed.join(", "))
            .expect("a string takes everything");
    }
    for part in parts {
        match part {
            Part::Measured(sections) => page.extend(sections.iter().map(Section::markdown)),
            Part::Failed(name) => page += &missing(name),
        }
    }
    page
}

/// The names of the parts that failed.
pub(crate) fn failed(parts: &[Part]) -> Vec<&str> {
    let name = |part| match part {
        &Part::Measured(_) => None,
        Part::Failed(name) => Some(name.as_str()),
    };
    parts.iter().filter_map(name).collect()
}

/// What stands in the place of a part that failed.
fn missing(name: &str) -> String {
    format!(
        "\n## Failed: {name}\n\n**This part ended with an error in this run, and nothing of it was measured.**\n\n\
         ```sh\n{}\n```\n",
        alone(name)
    )
}

impl Section {
    fn markdown(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(Row::markdown).collect();
        format!(
            "\n## {}\n\n{}\n\n| what | goal | Postern | peer | ratio | verdict |\n|---|---|---|---|---|---|\n{}\n\n\
             ```sh\n{}\n```\n",
            self.title,
            self.method,
            rows.join("\n"),
            self.commands.join("\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(value: f64) -> Samples {
        Samples::new(vec![value])
    }

    #[test]
    fn a_rate_is_judged_by_its_ratio_to_the_peer() {
        let row =
            Row::new("rate", Unit::Rate, samples(240e6)).beside(samples(80e6)).goal(Goal::TimesPeer(3.0));
        assert_eq!(row.markdown(), "| rate | ≥ 3 × peer | 240 MB/s | 80 MB/s | 3.00 | met |");
    }

    #[test]
    fn a_limit_is_judged_by_itself() {
        let row = Row::new("memory", Unit::Memory, samples(f64::from(17 << 20)));
        let row = row.goal(Goal::AtMost(f64::from(16 << 20)));
        assert_eq!(row.markdown(), "| memory | ≤ 16 MiB | 17.0 MiB |  |  | **not met** |");
    }

    #[test]
    fn a_part_that_failed_is_named_at_its_place_among_those_that_did_not() {
        let section = |title: &str| Section {
            title: title.to_owned(),
            method: "Measured.".to_owned(),
            rows: vec![Row::new("time", Unit::Seconds, samples(1.0))],
            commands: vec![alone("first")],
        };
        let parts = [
            Part::Measured(vec![section("First")]),
            Part::Failed("buckets".to_owned()),
            Part::Measured(vec![section("Last")]),
        ];
        let page = markdown("- Machine: one", &parts);
        let headings: Vec<_> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, ["## First", "## Failed: buckets", "## Last"]);
        assert!(page.contains("**Failed, and therefore missing: buckets.**"), "{page}");
        assert_eq!(failed(&parts), ["buckets"]);
    }
}
