//! A broker in a process of its own: `broker DIR ADDR:PORT [NAME=VALUE]..`, until SIGTERM.

use std::path::Path;

use dolmen_host::Fault;
use dolmen_kafka_net::{Broker, Settings};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let mut args = std::env::args().skip(1);
    let (dir, address) = args.next().zip(args.next()).ok_or("broker DIR ADDR:PORT [NAME=VALUE]..")?;
    let given: Vec<String> = args.collect();
    let pairs: Vec<(&str, &str)> = given.iter().filter_map(|pair| pair.split_once('=')).collect();
    let broker = Broker::start_with(Path::new(&dir), Settings::new(&pairs)?, &address).await?;
    println!("bootstrap.servers={}", broker.address());
    signal(SignalKind::terminate())?.recv().await;
    broker.stop().await
}
