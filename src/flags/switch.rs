//! Flags that are on or off.
use clap::{Arg, ArgAction};

/// Makes a flag one that is on or off.
pub(super) trait Switch {
    /// Takes `true`, `false`, or nothing for `true`, as `--flag=false` and `--flag`; `default` is what it is when it is not given.
    fn switch(self, default: &'static str) -> Self;
}

impl Switch for Arg {
    fn switch(self, default: &'static str) -> Self {
        let said = self.value_name("BOOL").num_args(0..=1).action(ArgAction::Set);
        said.default_value(default).default_missing_value("true")
    }
}
