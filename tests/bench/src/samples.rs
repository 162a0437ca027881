//! Several measurements of one quantity, and how they are written.
use std::fmt::Write;

/// Measurements of one quantity, in the order of their size. Never empty.
#[derive(Clone, Debug)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "a bench measures at least once");
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The smallest sample that is at least as large as that share of all.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    /// As `median unit (min to max)`; without the bracket where all are alike.
    pub(crate) fn text(&self, unit: Unit) -> String {
        let (low, high) = (unit.number(self.0[0]), unit.number(self.0[self.0.len() - 1]));
        let mut text = format!("{} {}", unit.number(self.median()), unit.symbol()).trim_end().to_owned();
        if low != high {
            write!(text, " ({low} to {high})").expect("a string takes everything");
        }
        text
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// Given in bytes a second, shown in MB/s.
    Rate,
    /// Given in bytes, shown in MiB.
    Memory,
    /// Given in bytes, shown in MB.
    Size,
    Seconds,
    /// Given in seconds.
    Milliseconds,
    /// Given in seconds.
    Microseconds,
    Count,
    PerSecond,
}

impl Unit {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Rate => "MB/s",
            Self::Memory => "MiB",
            Self::Size => "MB",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Count => "",
            Self::PerSecond => "/s",
        }
    }

    pub(crate) fn number(self, value: f64) -> String {
        match self {
            Self::Rate => format!("{:.0}", value / 1e6),
            Self::Memory => format!("{:.1}", value / f64::from(1 << 20)),
            Self::Size => format!("{:.2}", value / 1e6),
            Self::Seconds | Self::Milliseconds if value == 0.0 => "0".to_owned(),
            Self::Seconds => format!("{value:.2}"),
            Self::Milliseconds => format!("{:.2}", value * 1e3),
            Self::Microseconds => format!("{:.0}", value * 1e6),
            Self::PerSecond => format!("{value:.0}"),
            Self::Count => format!("{}", (value * 100.0).round() / 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_between_its_extremes() {
        let samples = Samples::new(vec![0.3, 0.1, 0.2]);
        assert_eq!(samples.text(Unit::Milliseconds), "200.00 ms (100.00 to 300.00)");
    }

    #[test]
    fn a_quantile_is_a_sample() {
        let samples = Samples::new((1..=200).map(f64::from).collect());
        assert_eq!(samples.quantile(0.99), 198.0);
        assert_eq!(samples.quantile(1.0), 200.0);
    }
}
