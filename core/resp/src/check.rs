//! Bodies shared by tests, replay and fuzzing.

use alloc::vec::Vec;

use crate::naive::Memory;
use crate::reply::{Out, Reply};
use crate::request::Parser;
use crate::session::{After, Session};

/// Feeds `data` as a connection would, whole and byte by byte: both must give the same replies, and none may panic.
pub fn check_resp(data: &[u8]) {
    let whole = converse(data, data.len().max(1));
    assert_eq!(whole, converse(data, 1), "replies depend on how the bytes arrive");
}

/// The replies to `data` arriving in pieces of `step` bytes, and whether the connection was closed.
pub fn converse(data: &[u8], step: usize) -> (Vec<u8>, bool) {
    let (mut parser, mut session, mut host) = (Parser::default(), Session::new(1, true), Memory::default());
    let mut out = Out::default();
    for piece in data.chunks(step) {
        parser.buffer().extend_from_slice(piece);
        loop {
            match parser.parse(session.authenticated) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    Reply { out: &mut out, proto: session.proto }
                        .error(&crate::fault::Fault::Text(alloc::string::ToString::to_string(&error)));
                    return (out.to_vec(), true);
                }
            }
            let handled = session.handle(&parser.words(), &mut host, &mut out);
            let mut after = handled.after;
            while after == After::Again {
                after = session.go_on(&mut host, &mut out).after;
            }
            match after {
                After::Continue | After::Again | After::Monitor | After::Shutdown => {}
                After::Save { background } => session.saved(background, Ok(()), &mut out),
                After::Close | After::Drop => return (out.to_vec(), true),
                After::WaitSync { local, .. } => session.waited(local, true, &mut out),
            }
        }
        parser.compact();
    }
    (out.to_vec(), false)
}
