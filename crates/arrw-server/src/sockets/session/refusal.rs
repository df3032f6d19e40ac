//! Why a command is not done, and how its client is told.

use arrw_wire::centrifuge::{Answer, ErrorReply, Reply};
use arrw_wire::code::{self, Code};

use super::{Fault, Turn};
use crate::problem::Problem;
use crate::sockets::connection::Ending;
use crate::sockets::proxy;

/// Why a command is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It alone fails, by a code.
    Code(Code),
    /// It alone fails, in words of its own.
    Told(ErrorReply<'static>),
    /// The connection ends.
    Ends(Ending),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Error(code) => Self::Code(code),
            Fault::Disconnect(code) => Self::Ends(code.into()),
        }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Fault::from(code).into()
    }
}

/// In the words of the same refusal over HTTP.
impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let code = if problem.code().status() < 500 { code::BAD_REQUEST } else { code::INTERNAL };
        let message = problem.detail().to_owned().into();
        Self::Told(ErrorReply { message, ..ErrorReply::from(code) })
    }
}

impl From<proxy::Refusal> for Refusal {
    fn from(refusal: proxy::Refusal) -> Self {
        match refusal {
            proxy::Refusal::Error(error) => Self::Told(error),
            proxy::Refusal::Ends(ending) => Self::Ends(ending),
        }
    }
}

/// A back end that does not answer may do so later.
impl From<proxy::Fault> for Refusal {
    fn from(fault: proxy::Fault) -> Self {
        let is_busy = fault == proxy::Fault::Busy;
        Self::Code(if is_busy { code::TOO_MANY_REQUESTS } else { code::INTERNAL })
    }
}

impl Turn<'_> {
    /// Tells a client that a command is not done; answers how its connection is ended, if it is.
    pub(super) fn tell(&mut self, id: u32, refusal: Refusal) -> Option<Ending> {
        let error = match refusal {
            Refusal::Ends(ending) => return Some(ending),
            Refusal::Code(_) | Refusal::Told(_) if self.connection.form.is_one_way() => {
                return Some(code::DISCONNECT_INVALID_TOKEN.into());
            }
            // Nobody waits for an answer.
            Refusal::Code(_) | Refusal::Told(_) if id == 0 => return None,
            Refusal::Code(code) => {
                self.hub.figures.failed(code);
                code.into()
            }
            Refusal::Told(error) => error,
        };
        Reply { id, what: Answer::Error(error) }.append(self.encoding(), &mut self.replies);
        None
    }
}
