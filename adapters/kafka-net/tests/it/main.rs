//! A broker as its clients see it, over sockets.

mod acls;
mod authorize;
mod client;
mod hostile;
mod placement;
mod restart;
mod scram;
mod security;
mod transactions;
