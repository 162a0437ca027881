//! Which attacks there are.
use clap::ValueEnum;
use std::fmt;

/// One way to load a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Attack {
    /// Requests that are cancelled as soon as they are made.
    RapidResets,
    /// Headers that never end.
    EndlessContinuations,
    /// Frames of HTTP/2 that want an answer each.
    PingsAndSettings,
    /// Thousands of connections that say nothing.
    SilentSockets,
    /// Bodies that never end.
    DrippingBodies,
    /// Selectors as long as a request may be.
    HugeSelectors,
    /// Bodies as large as may be: nested deeply, and of one key again and again.
    DeepBodies,
    /// More requests at once than there are seats.
    NoisyUser,
    /// Nothing but computing: what the attackers' processor being busy costs the others, whoever is attacked.
    Feint,
}

impl Attack {
    /// All that hit a server, in the order in which they are told of.
    pub const ALL: [Self; 8] = [
        Self::RapidResets,
        Self::EndlessContinuations,
        Self::PingsAndSettings,
        Self::SilentSockets,
        Self::DrippingBodies,
        Self::HugeSelectors,
        Self::DeepBodies,
        Self::NoisyUser,
    ];

    /// The one of this name, as [`Self::argument`] gives it; none where there is no such attack.
    pub fn named(name: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(name, false).ok()
    }

    /// Its name on the command line of the program.
    pub fn argument(self) -> String {
        self.to_possible_value().expect("no attack is hidden").get_name().to_owned()
    }
}

/// For people.
impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RapidResets => "rapid resets",
            Self::EndlessContinuations => "endless continuations",
            Self::PingsAndSettings => "pings and settings",
            Self::SilentSockets => "5,000 silent sockets",
            Self::DrippingBodies => "dripping bodies",
            Self::HugeSelectors => "huge selectors",
            Self::DeepBodies => "deep bodies",
            Self::NoisyUser => "a noisy user",
            Self::Feint => "a feint",
        })
    }
}
