//! How a route is answered: with a person's session, or without one.

use penstock_edge::http::{Answer, AnswerFn, Answering, Call, Failure, Reply};

use crate::{Ports, visitor};

/// Answers a route by an `async fn(&Ports, Call<Visitor>) -> Result<Reply, Failure>`. A session
/// that was renewed by the request gets its new cookie, whatever the reply is.
pub(crate) struct Page<F>(pub(crate) F);

impl<F> Answer<Ports> for Page<F>
where
    F: for<'a> AnswerFn<'a, Ports> + Sync,
{
    fn answer<'a>(&'a self, ports: &'a Ports, call: Call<'a>) -> Answering<'a> {
        Box::pin(async move {
            let visitor = visitor::authorize(ports, &call).await?;
            let renewed = visitor.renewed.clone();
            let reply = (self.0)(ports, call.with(visitor)).await?;
            Ok(match renewed {
                Some(cookie) => reply.with_cookie(&cookie),
                None => reply,
            })
        })
    }
}

/// Answers a route that needs no session, by an `async fn(&Ports, Call) -> Result<Reply, Failure>`.
pub(crate) struct Open<F>(pub(crate) F);

/// An `async fn` of these arguments: see [`AnswerFn`].
pub(crate) trait OpenFn<'a>: Fn(&'a Ports, Call<'a>) -> Self::Answering {
    /// The future that it returns.
    type Answering: Future<Output = Result<Reply, Failure>> + Send + 'a;
}

impl<'a, F, A> OpenFn<'a> for F
where
    F: Fn(&'a Ports, Call<'a>) -> A,
    A: Future<Output = Result<Reply, Failure>> + Send + 'a,
{
    type Answering = A;
}

impl<F> Answer<Ports> for Open<F>
where
    F: for<'a> OpenFn<'a> + Sync,
{
    fn answer<'a>(&'a self, ports: &'a Ports, call: Call<'a>) -> Answering<'a> {
        Box::pin((self.0)(ports, call))
    }
}
