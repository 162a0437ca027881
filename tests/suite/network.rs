//! Routes that keep what must not be reached unreachable, even if the guard under test is broken.
use anyhow::{Result, ensure};
use std::{process::Command, sync::Mutex};

/// How many tests hold a route over which range.
static HELD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// While this lives, packets to the range go nowhere.
pub(crate) struct Blackhole {
    range: String,
}

impl Blackhole {
    /// Lays the route.
    pub(crate) fn over(range: &str) -> Result<Self> {
        let mut held = HELD.lock().expect("no test panics while it holds this");
        if !held.iter().any(|other| other == range) {
            route("replace", range)?;
        }
        held.push(range.to_owned());
        Ok(Self { range: range.to_owned() })
    }
}

impl Drop for Blackhole {
    fn drop(&mut self) {
        let mut held = HELD.lock().expect("no test panics while it holds this");
        let at = held.iter().position(|other| *other == self.range).expect("it was pushed");
        held.remove(at);
        if !held.contains(&self.range) {
            route("delete", &self.range).expect("the route is still there");
        }
    }
}

fn route(action: &str, range: &str) -> Result<()> {
    let done = Command::new("ip").args(["route", action, "blackhole", range, "metric", "1"]).status()?;
    ensure!(done.success(), "failed to {action} the blackhole route over {range}");
    Ok(())
}
