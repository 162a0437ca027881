//! One of several replicas that each have a controller: of what another one keeps in memory, that one is asked.
use crate::{
    Answer, Local, Previewer, Question, Refusal, Remote,
    logs::{Keeper, Lines, Untold, Wanted},
};
use futures::{FutureExt, future::BoxFuture};

/// Asks its own controller, and for logs of objects that another one works on that one, where it says where it is reached.
pub struct Replica {
    /// The controller of this process.
    pub own: Local,
    /// How others are asked; only the one that is meant is.
    pub others: Remote,
}

impl Previewer for Replica {
    fn preview(&self, question: Question) -> BoxFuture<'_, Result<Answer, Refusal>> {
        self.own.preview(question)
    }
}

impl Keeper for Replica {
    fn lines(&self, wanted: Wanted) -> BoxFuture<'_, Result<Lines, Untold>> {
        async move {
            match (self.own.lines(wanted.clone()).await, wanted.holder) {
                (Err(Untold::Elsewhere), Some(holder)) => self.others.told(&wanted, Some(holder)).await,
                (told, _) => told,
            }
        }
        .boxed()
    }
}
