//! The toolkit against a broker of ours.

mod books;
#[cfg(feature = "librdkafka")]
mod dying;
mod outbox_store;
#[cfg(all(feature = "librdkafka", feature = "postgres"))]
mod postgres;
#[cfg(feature = "librdkafka")]
mod rd;
#[cfg(feature = "librdkafka")]
mod world;
