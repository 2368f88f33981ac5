//! One request that was let in: what it asks for and who asks.

use std::net::IpAddr;
use std::sync::Arc;

use dolmen_s3::error::ErrorCode;
use dolmen_s3::operation::Operation;
use dolmen_s3::request::Headers;
use dolmen_s3::state::{BucketRecord, Env, Source, StateError, Tx, Version, bucket};
use dolmen_s3::target::Target;
use dolmen_s3::xml::Document;

use crate::answer::Refusal;
use crate::engine::{Engine, Scope, Written};
use crate::notify::Telling;
use crate::server::{Caller, Server};

/// One request that was let in.
pub(crate) struct Call<'a> {
    pub server: &'a Arc<Server>,
    pub operation: Operation,
    pub target: &'a Target<'a>,
    pub headers: Headers<'a>,
    pub caller: &'a Caller,
    pub source_ip: IpAddr,
    pub request_id: &'a str,
}

impl<'a> Call<'a> {
    pub fn engine(&self) -> &'a Arc<Engine> {
        &self.server.engine
    }

    /// The bucket's name; there is one in every operation about a bucket or an object.
    pub fn bucket(&self) -> &'a str {
        self.target.bucket().map_or("", |name| name.as_str())
    }

    /// The key; there is one in every operation about an object.
    pub fn key(&self) -> &'a [u8] {
        self.target.key().map_or(&[], |key| key.as_str().as_bytes())
    }

    pub fn key_text(&self) -> &'a str {
        self.target.key().map_or("", |key| key.as_str())
    }

    /// Scheme and host by which the client reached the server.
    pub fn origin(&self) -> String {
        let scheme = if self.server.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.headers.get("host").unwrap_or("localhost"))
    }

    /// What the request tells those who want to know.
    pub fn telling(&self) -> Telling {
        Telling::of(self)
    }

    pub fn query(&self, name: &str) -> Option<&'a str> {
        self.target.query().get(name)
    }

    /// A number of the query; `None` if it is not there.
    pub fn number(&self, name: &'static str, max: u64) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.query(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let number = text.parse::<u64>().ok().filter(|&number| number <= max);
        let refusal = || {
            Refusal::says(
                ErrorCode::InvalidArgument,
                format!("Provided {name} not an integer or within integer range"),
            )
            .field("ArgumentName", name)
            .field("ArgumentValue", text)
        };
        number.map(Some).ok_or_else(refusal)
    }

    /// The version that the request names.
    pub fn version(&self) -> Result<Option<Version>, Refusal> {
        version(self.query("versionId"))
    }

    /// Whether keys of a listing are to be percent-encoded.
    pub fn is_url(&self) -> Result<bool, Refusal> {
        match self.query("encoding-type") {
            None => Ok(false),
            Some("url") => Ok(true),
            Some(other) => {
                Err(Refusal::says(ErrorCode::InvalidArgument, "Invalid Encoding Method specified in Request")
                    .field("ArgumentName", "encoding-type")
                    .field("ArgumentValue", other))
            }
        }
    }

    /// The record of the bucket.
    pub fn record(&self) -> Result<BucketRecord, Refusal> {
        let name = self.bucket();
        Ok(self.engine().meta.read(|source| bucket::find(&Tx::new(source), name))?)
    }

    /// Runs a read over the metadata; it is run again where it may wait if what it needs is not in memory.
    pub fn read<T>(&self, operation: impl FnMut(&dyn Source) -> Result<T, StateError>) -> Result<T, Refusal> {
        Ok(self.engine().meta.read(operation)?)
    }

    /// Changes the key of the request.
    pub async fn change_key<T: Send + 'static>(
        &self,
        written: Written,
        mut operation: impl FnMut(&mut Tx<'_>, &Env<'_>, &BucketRecord, &[u8]) -> Result<T, StateError>
        + Send
        + 'static,
    ) -> Result<T, Refusal> {
        let (name, key) = (self.bucket().to_owned(), self.key().to_vec());
        let scope = Scope::Keys(name.clone(), vec![key.clone()]);
        let changed = self.engine().change(&self.caller.id, scope, written, move |tx, env| {
            let record = bucket::find(tx, &name)?;
            operation(tx, env, &record, &key)
        });
        Ok(changed.await?)
    }

    /// Changes the bucket of the request, and stores its record.
    pub async fn change_bucket(
        &self,
        mut operation: impl FnMut(&mut Tx<'_>, &Env<'_>, &mut BucketRecord) -> Result<(), StateError>
        + Send
        + 'static,
    ) -> Result<(), Refusal> {
        let name = self.bucket().to_owned();
        let changed = self.engine().change(
            &self.caller.id,
            Scope::Bucket(name.clone()),
            Written::default(),
            move |tx, env| {
                let mut record = bucket::find(tx, &name)?;
                operation(tx, env, &mut record)?;
                bucket::save(tx, &name, &record);
                Ok(())
            },
        );
        Ok(changed.await?)
    }
}

/// A version as a request names it; none if it names none.
pub(crate) fn version(text: Option<&str>) -> Result<Option<Version>, Refusal> {
    match text {
        None => Ok(None),
        Some(text) => Version::parse(text).map(Some).ok_or_else(|| {
            Refusal::says(ErrorCode::InvalidArgument, "Invalid version id specified")
                .field("ArgumentName", "versionId")
                .field("ArgumentValue", text)
        }),
    }
}

/// Reads a body that is a document.
pub(crate) fn parse<D: Document>(body: &[u8]) -> Result<D, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new(ErrorCode::MissingRequestBodyError));
    }
    Ok(D::parse(body)?)
}
