//! What the process that evaluates does. It is one of ours, started for one pass and gone after it; it bounds itself before it
//! reads anything, since only a process itself can do so at its start.
use crate::{LARGEST_BODY, MEMORY, TIME, data::Form, document::Document, frames, frames::Asked};
use nix::{
    sys::{
        resource::{Resource, setrlimit},
        signal::{SigEvent, SigevNotify, Signal},
        timer::{Expiration, Timer, TimerSetTimeFlags},
    },
    time::ClockId,
};
use std::{
    io::{self, Read},
    process::ExitCode,
    time::Duration,
};

/// For reading what is asked and decoding the data, which is bounded in size.
const READING: Duration = Duration::from_secs(2);

/// The three that it is started with: nothing can be opened or connected to.
const OPEN_FILES: u64 = 3;

/// Answers what standard input asks on standard output, and ends. Whoever starts this sees by how it ends what went wrong.
pub fn serve() -> ExitCode {
    match confine().and_then(|time| answer(time, &mut io::stdin().lock(), &mut io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Ends this process by a signal when its time is over. Unlike the kernel's limit of processor time, it counts less than seconds.
struct Time(Timer);

impl Time {
    /// From now on, so much.
    fn allow(&mut self, time: Duration) -> io::Result<()> {
        Ok(self.0.set(Expiration::OneShot(time.into()), TimerSetTimeFlags::empty())?)
    }
}

fn confine() -> io::Result<Time> {
    for (resource, most) in [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_NPROC, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
        (Resource::RLIMIT_DATA, MEMORY),
    ] {
        setrlimit(resource, most, most)?;
    }
    let over = SigEvent::new(SigevNotify::SigevSignal { signal: Signal::SIGXCPU, si_value: 0 });
    let mut time = Time(Timer::new(ClockId::CLOCK_PROCESS_CPUTIME_ID, over)?);
    time.allow(READING)?;
    Ok(time)
}

fn answer(mut time: Time, from: &mut impl Read, to: &mut impl io::Write) -> io::Result<()> {
    let asked = Asked::read(from)?;
    let languages = asked.programs().map(|program| program.language);
    let mut document = Document::new(asked.status, &asked.headers, languages);
    let mut data = Vec::new();
    from.take(LARGEST_BODY).read_to_end(&mut data)?;
    document.set_body(data, Form::of(&asked.headers));
    if let Some(program) = &asked.transform {
        time.allow(TIME)?;
        let made = document.evaluate(program);
        time.allow(READING)?;
        let is_last = asked.others.is_empty() || made.is_err();
        // What only the next expressions see stays here.
        let shown = if is_last { made.clone() } else { Ok(Vec::new()) };
        frames::write(&shown, to)?;
        match made {
            Ok(made) if !is_last => document.set_body(made, Form::Other),
            _ => return Ok(()),
        }
    }
    for program in &asked.others {
        time.allow(TIME)?;
        let made = document.evaluate(program);
        time.allow(READING)?;
        frames::write(&made, to)?;
        if made.is_err() {
            break;
        }
    }
    Ok(())
}
