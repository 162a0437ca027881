//! What a pass does, step by step, for whoever listens to it.
//!
//! The pipeline tells [`Event`]s; [`told_to`] says to whom, for the time of one pass. Where nobody listens, an event is not even put
//! together. Events are a closed set of numbers, words of ours, and names and addresses that conditions or provenance show
//! as well: none has a place for a header, a query, a body, or for what a command is given or writes.
use crate::{Digest, fetch::without_secrets, transform::HookFailure};
use http::{Method, StatusCode};
use std::{fmt, sync::Arc, time::Duration};
use url::Url;

tokio::task_local! {
    static LISTENER: Arc<dyn Listener>;
}

/// Who hears what a pass does. It is called between two steps, and must not take long.
pub trait Listener: Send + Sync + 'static {
    /// The pass has come to this.
    fn hear(&self, event: &Event<'_>);
}

/// A step of a pass. [`Display`](fmt::Display) says it in words.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request is sent.
    Asked {
        /// Its method.
        method: &'a Method,
        /// Where to; shown without user, password and query.
        url: &'a Url,
        /// Whether what is stored need not be sent again.
        conditional: bool,
    },
    /// It is answered. The body is still to come.
    Answered {
        /// The code.
        status: StatusCode,
        /// How long the head of the answer took.
        took: Duration,
        /// Whether it sends us elsewhere, and we go.
        redirects: bool,
    },
    /// A body has come, whole and as it must be.
    Received {
        /// Its size.
        bytes: u64,
        /// Since its head.
        took: Duration,
    },
    /// A hook has run.
    HookRan {
        /// Its name.
        name: &'a str,
        /// What is wrong, if it came to no good end.
        failure: Option<&'a HookFailure>,
        /// How long it ran.
        took: Duration,
    },
    /// What a hook failed on is left at that, as its policy says.
    HookIgnored {
        /// Its name.
        name: &'a str,
    },
    /// Expressions have made other data.
    Evaluated {
        /// How many.
        count: usize,
        /// Of what they have made, in all.
        bytes: u64,
        /// How long that took.
        took: Duration,
    },
    /// Everything is in an archive.
    Packed {
        /// The size of the archive before compression.
        tar_bytes: u64,
        /// Links that were left out.
        skipped_links: u64,
        /// How long that took; while it came in, if it was large.
        took: Duration,
    },
    /// The archive is in the store.
    Stored {
        /// Of the archive.
        digest: Digest,
        /// Of the archive.
        bytes: u64,
        /// False: that very content was stored before.
        new: bool,
    },
}

/// Runs a pass, whose steps are told to `listener`.
pub async fn told_to<T>(listener: Arc<dyn Listener>, pass: impl Future<Output = T>) -> T {
    LISTENER.scope(listener, pass).await
}

/// Tells the listener of this pass, if it has one.
pub(crate) fn tell<'a>(event: impl FnOnce() -> Event<'a>) {
    let _nobody_listens = LISTENER.try_with(|listener| listener.hear(&event()));
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { method, url, conditional } => {
                let unless = if *conditional { ", unless it is what is stored" } else { "" };
                write!(f, "{method} {}{unless}", without_secrets(url))
            }
            Self::Answered { status, took, redirects } => {
                let leads = if *redirects { ", which leads elsewhere" } else { "" };
                write!(f, "answered {status} after {took:.1?}{leads}")
            }
            Self::Received { bytes, took } => write!(f, "received {bytes} bytes in {took:.1?}"),
            Self::HookRan { name, failure: None, took } => {
                write!(f, "hook {name} ended with exit code 0 after {took:.1?}")
            }
            Self::HookRan { name, failure: Some(why), took } => {
                write!(f, "hook {name} failed after {took:.1?}: {why}")
            }
            Self::HookIgnored { name } => write!(f, "hook {name} is ignored, as its policy says"),
            Self::Evaluated { count, bytes, took } => {
                let expressions = if *count == 1 { "expression" } else { "expressions" };
                write!(f, "{count} {expressions} made {bytes} bytes in {took:.1?}")
            }
            Self::Packed { tar_bytes, skipped_links, took } => {
                write!(f, "packed {tar_bytes} bytes of tar in {took:.1?}")?;
                if *skipped_links > 0 { write!(f, ", without {skipped_links} links") } else { Ok(()) }
            }
            Self::Stored { digest, bytes, new: true } => write!(f, "stored {digest}, {bytes} bytes"),
            Self::Stored { digest, new: false, .. } => {
                write!(f, "the content is that of {digest}, which is stored")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Ear(Mutex<Vec<String>>);

    impl Listener for Ear {
        fn hear(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(event.to_string());
        }
    }

    #[tokio::test]
    async fn who_listens_hears_of_its_own_pass_and_nobody_of_others() {
        let (one, other) = (Arc::new(Ear::default()), Arc::new(Ear::default()));
        let pass = async |name: &'static str| {
            tokio::task::yield_now().await;
            tell(|| Event::HookIgnored { name });
        };
        tokio::join!(told_to(one.clone(), pass("a")), told_to(other.clone(), pass("b")));
        tell(|| panic!("nobody listens, so nothing is put together"));
        assert_eq!(*one.0.lock().unwrap(), ["hook a is ignored, as its policy says"]);
        assert_eq!(*other.0.lock().unwrap(), ["hook b is ignored, as its policy says"]);
    }

    #[test]
    fn an_address_is_shown_without_what_it_would_open() {
        let url = Url::parse("https://me:canary@a.example/b?key=canary#canary").unwrap();
        let asked = Event::Asked { method: &Method::GET, url: &url, conditional: true };
        assert_eq!(asked.to_string(), "GET https://a.example/b, unless it is what is stored");
    }

    #[test]
    fn steps_are_told_in_words() {
        let took = Duration::from_millis(12);
        let status = StatusCode::FOUND;
        for (event, words) in [
            (
                Event::Answered { status, took, redirects: true },
                "answered 302 Found after 12.0ms, which leads elsewhere",
            ),
            (Event::Received { bytes: 7, took }, "received 7 bytes in 12.0ms"),
            (Event::HookRan { name: "a", failure: None, took }, "hook a ended with exit code 0 after 12.0ms"),
            (
                Event::HookRan { name: "a", failure: Some(&HookFailure::NoRequest), took },
                "hook a failed after 12.0ms: it wrote neither a request as JSON nor a JSON patch of one",
            ),
            (Event::Evaluated { count: 1, bytes: 7, took }, "1 expression made 7 bytes in 12.0ms"),
            (
                Event::Packed { tar_bytes: 7, skipped_links: 2, took },
                "packed 7 bytes of tar in 12.0ms, without 2 links",
            ),
        ] {
            assert_eq!(event.to_string(), words);
        }
    }
}
