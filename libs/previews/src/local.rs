//! The controller of the same process.
use crate::{
    Answer, Previewer, Question, Refusal,
    logs::{Keeper, Lines, Untold, Wanted},
};
use futures::{FutureExt, future::BoxFuture};
use std::sync::{Arc, OnceLock};

/// What is said before there is one.
const NOBODY: &str = "no controller of Postern is at work here yet";

/// Hands questions to the controller of the same process, once there is one. Clones share it.
#[derive(Clone, Default)]
pub struct Local(Arc<OnceLock<Seated>>);

struct Seated {
    previewer: Arc<dyn Previewer>,
    keeper: Arc<dyn Keeper>,
}

impl Local {
    /// From now on these answer; whoever came before them goes on to.
    pub fn seat(&self, previewer: Arc<dyn Previewer>, keeper: Arc<dyn Keeper>) {
        let _taken = self.0.set(Seated { previewer, keeper });
    }
}

impl Previewer for Local {
    fn preview(&self, question: Question) -> BoxFuture<'_, Result<Answer, Refusal>> {
        match self.0.get() {
            Some(seated) => seated.previewer.preview(question),
            None => async { Err(Refusal::Unavailable(NOBODY.into())) }.boxed(),
        }
    }
}

impl Keeper for Local {
    fn lines(&self, wanted: Wanted) -> BoxFuture<'_, Result<Lines, Untold>> {
        match self.0.get() {
            Some(seated) => seated.keeper.lines(wanted),
            None => async { Err(Untold::Unavailable(NOBODY.into())) }.boxed(),
        }
    }
}
