//! `dolmen s3 serve`: the S3 server alone.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use clap::ValueHint;
use dolmen_cli::{Out, Status};
use dolmen_host::{Registered, Sources, Values, life};
use dolmen_s3_http::S3;

/// Arguments of `dolmen s3 serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where buckets and objects are
    #[arg(long, value_name = "WORD", default_value = "local")]
    backend: Backend,
    /// The store behind the gateway: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///DIR
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Directory that keeps all data
    #[arg(long, value_name = "DIR", default_value = "./dolmen-data", value_hint = ValueHint::DirPath)]
    data: String,
    /// Address of the S3 server
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9000")]
    addr: String,
    /// Address of page, health probes, metrics and test interface
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    http: String,
    /// What counts as a day in lifecycle rules
    #[arg(long, value_name = "SECONDS")]
    lifecycle_day: Option<u64>,
    /// Let tests empty the server, set its clock and order faults
    #[arg(long)]
    test_api: bool,
    /// Any setting of `dolmen up`, for instance s3.region=eu-north-1
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Backend {
    /// On disk, every write synced before it is acknowledged
    Local,
    /// In memory, gone with the process
    Memory,
    /// In another store, which --upstream names
    Gateway,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Status> {
    let started = Instant::now();
    let list = [Registered::of::<S3>()];
    let given = given(args)?;
    let table = life::table(&list);
    if let Some(unknown) = given.keys().find(|key| table.iter().all(|setting| setting.key != **key)) {
        bail!("{unknown} is no setting; dolmen up --settings lists them");
    }
    let flag = |name: &str| given.get(name).cloned();
    let variable = |name: &str| std::env::var(name).ok();
    let values = Values::decide(&table, &Sources { flag: &flag, variable: &variable, file: None })?;
    life::init_log(&values);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(life::serve(&list, &values, started, out, std::future::pending()));
    runtime.shutdown_background();
    served.map_err(|error| anyhow!(error))?;
    Ok(Status::Success)
}

fn given(args: &Args) -> Result<HashMap<String, String>> {
    let backend = match args.backend {
        Backend::Local => "local",
        Backend::Memory => "memory",
        Backend::Gateway => "gateway",
    };
    let mut given = HashMap::from([
        ("data".to_owned(), args.data.clone()),
        ("s3.listen".to_owned(), args.addr.clone()),
        ("http.listen".to_owned(), args.http.clone()),
        ("s3.backend".to_owned(), backend.to_owned()),
    ]);
    if let Some(seconds) = args.lifecycle_day {
        given.insert("s3.lifecycle-day".into(), format!("{seconds}s"));
    }
    if let Some(upstream) = &args.upstream {
        given.insert("s3.upstream".into(), upstream.clone());
    }
    if args.test_api {
        given.insert("test-api".into(), "true".into());
    }
    for setting in &args.settings {
        let (key, value) = setting.split_once('=').ok_or_else(|| anyhow!("{setting:?} is no KEY=VALUE"))?;
        given.insert(key.trim().to_owned(), value.to_owned());
    }
    Ok(given)
}
