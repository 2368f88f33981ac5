//! Bodies shared by tests, replay and fuzzing.

use alloc::vec::Vec;

use crate::naive::Memory;
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
    let mut out = Vec::new();
    for piece in data.chunks(step) {
        parser.buffer().extend_from_slice(piece);
        loop {
            match parser.parse(session.authenticated) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    crate::reply::Reply { out: &mut out, proto: session.proto }
                        .error(&crate::fault::Fault::Text(alloc::string::ToString::to_string(&error)));
                    return (out, true);
                }
            }
            let handled = session.handle(&parser.words(), &mut host, &mut out);
            match handled.after {
                After::Continue => {}
                After::Close | After::Drop => return (out, true),
                After::WaitSync { local, .. } => session.waited(local, true, &mut out),
            }
        }
        parser.compact();
    }
    (out, false)
}
