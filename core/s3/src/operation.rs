//! What a request asks for: one table of all operations of S3.
//!
//! A row says how an operation is recognised (method, service, bucket or object, names in the query, a header), its status of success, what
//! its body is, and which permissions it needs on which resources. Source: botocore's model of 2006-03-01 (116 operations), and "Actions,
//! resources, and condition keys for Amazon S3" of the service authorization reference. Two rows are not in the model: a form's POST, and
//! OPTIONS of a browser.

mod table;

use core::fmt;

use crate::error::{ErrorCode, error_codes};
use crate::request::{Headers, Method};
use crate::target::Query;

pub use table::Operation;
use table::ROWS;

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All buckets.
    Service,
    /// One bucket.
    Bucket,
    /// One object.
    Object,
}

/// What a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None, or one that nobody reads.
    Nothing,
    /// XML, read whole.
    Xml,
    /// A document in JSON, read whole.
    Json,
    /// Bytes of any number, streamed.
    Stream,
    /// `multipart/form-data`, streamed.
    Form,
}

/// How much of an operation there is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It does what it should.
    Yes,
    /// It answers NotImplemented.
    No,
    /// An old name of another one, or one of another endpoint: never recognised.
    Alias,
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `*`
    All,
    /// The bucket of the request.
    Bucket,
    /// The object of the request.
    Object,
    /// The object that a copy or a rename reads.
    Source,
    /// Each object that the body names.
    Entries,
}

/// When an action is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    /// A header with this name is there.
    Header(&'static str),
    /// A header whose name begins so is there.
    HeaderStart(&'static str),
    /// The header is there and says `true`.
    True(&'static str),
}

/// One permission in the table.
#[derive(Clone, Copy, Debug)]
struct Need {
    resource: Resource,
    action: &'static str,
    /// The action if a version is named.
    versioned: &'static str,
    when: When,
}

struct Row {
    operation: Operation,
    name: &'static str,
    method: Method,
    level: Level,
    status: u16,
    body: Body,
    /// Names that the query has, with a value behind `=` if it counts.
    query: &'static [&'static str],
    header: &'static str,
    served: Served,
    needs: &'static [&'static [Need]],
}

/// Why no operation was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperationError {
    /// The method does not go with what it is about.
    Method,
    /// The query names a part of a bucket or an object that is not known here, in a request that changes something.
    Unknown,
    /// `uploadId` without `partNumber`, or the other way round.
    Incomplete,
}

impl OperationError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Method => ErrorCode::MethodNotAllowed,
            Self::Unknown => ErrorCode::NotImplemented,
            Self::Incomplete => ErrorCode::InvalidArgument,
        }
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "the method is not allowed here",
            Self::Unknown => "a part of a bucket or object that is not known",
            Self::Incomplete => "a part needs uploadId and partNumber",
        })
    }
}

error_codes!(OperationError);

impl Operation {
    /// Every operation.
    pub fn all() -> impl Iterator<Item = Operation> {
        ROWS.iter().map(|row| row.operation)
    }

    /// The operation that a request asks for. Whether it is served is another question: [`Operation::served`].
    ///
    /// # Errors
    ///
    /// [`OperationError`].
    pub fn recognise(
        method: Method,
        level: Level,
        query: &Query<'_>,
        headers: Headers<'_>,
    ) -> Result<Operation, OperationError> {
        let mut best: Option<(&Row, usize)> = None;
        for row in ROWS {
            // A browser may ask about anything.
            let level_fits = row.level == level || method == Method::Options;
            let candidate = row.method == method && level_fits && row.served != Served::Alias;
            if candidate && row.fits(query, headers) {
                let weight = row.weight();
                if best.is_none_or(|(_, most)| weight > most) {
                    best = Some((row, weight));
                }
            }
        }
        let (row, weight) = best.ok_or(OperationError::Method)?;
        let part = query.has("uploadId") != query.has("partNumber");
        if method == Method::Put && part && weight < 2 {
            return Err(OperationError::Incomplete);
        }
        // What changes something must not be taken for its plain form: DELETE /bucket?new-setting must not delete the bucket.
        let changes = !matches!(method, Method::Get | Method::Head | Method::Options);
        let unknown =
            |(name, value): (&str, Option<&str>)| value.is_none_or(str::is_empty) && !is_plain(name);
        if changes && weight < 2 && query.pairs().any(unknown) {
            return Err(OperationError::Unknown);
        }
        Ok(row.operation)
    }

    fn row(self) -> &'static Row {
        // The table has the order of the enum: a test says so.
        &ROWS[self as usize]
    }

    /// Its name in Amazon's model.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The operation with this name.
    pub fn from_name(name: &str) -> Option<Operation> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.operation)
    }

    /// Its method.
    pub fn method(self) -> Method {
        self.row().method
    }

    /// What it is about.
    pub fn level(self) -> Level {
        self.row().level
    }

    /// The names in the query that tell it from others; a value that counts stands behind `=`.
    pub fn query(self) -> &'static [&'static str] {
        self.row().query
    }

    /// The header that tells it from others, if one does.
    pub fn header(self) -> Option<&'static str> {
        Some(self.row().header).filter(|header| !header.is_empty())
    }

    /// Its status of success.
    pub fn status(self) -> u16 {
        self.row().status
    }

    /// What its body is.
    pub fn body(self) -> Body {
        self.row().body
    }

    /// How much of it there is.
    pub fn served(self) -> Served {
        self.row().served
    }

    /// Every permission that a request needs, all of them: the action and what it is done to. `versioned` and `source_versioned` say
    /// whether the request, and the source of its copy, name a version.
    pub fn needs<'h>(
        self,
        headers: Headers<'h>,
        versioned: bool,
        source_versioned: bool,
    ) -> impl Iterator<Item = (&'static str, Resource)> + use<'h> {
        let needed = move |need: &&Need| match need.when {
            When::Always => true,
            When::Header(name) => headers.has(name),
            When::HeaderStart(start) => headers.0.iter().any(|header| header.0.starts_with(start)),
            When::True(name) => headers.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true")),
        };
        let name = move |need: &Need| {
            let named = match need.resource {
                Resource::Object => versioned,
                Resource::Source => source_versioned,
                Resource::All | Resource::Bucket | Resource::Entries => false,
            };
            (if named { need.versioned } else { need.action }, need.resource)
        };
        self.row().needs.iter().flat_map(|needs| needs.iter()).filter(needed).map(name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Row {
    fn fits(&self, query: &Query<'_>, headers: Headers<'_>) -> bool {
        let marked = self.query.iter().all(|marker| match marker.split_once('=') {
            Some((name, value)) => query.get(name) == Some(value),
            None => query.has(marker),
        });
        marked && (self.header.is_empty() || headers.has(self.header))
    }

    /// A name in the query says more than a header.
    fn weight(&self) -> usize {
        2 * self.query.len() + usize::from(!self.header.is_empty())
    }
}

/// Names in a query that do not say what it is about.
fn is_plain(name: &str) -> bool {
    const PLAIN: [&str; 14] = [
        "versionId",
        "x-id",
        "prefix",
        "delimiter",
        "marker",
        "max-keys",
        "encoding-type",
        "key-marker",
        "version-id-marker",
        "start-after",
        "continuation-token",
        "fetch-owner",
        "upload-id-marker",
        "max-uploads",
    ];
    PLAIN.contains(&name)
        || name.starts_with("response-")
        || name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
        || matches!(name, "AWSAccessKeyId" | "Signature" | "Expires" | "" | "partNumber" | "uploadId")
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    fn recognise(
        method: Method,
        level: Level,
        query: &str,
        headers: &[(&str, &[u8])],
    ) -> Result<Operation, OperationError> {
        let query = Query::parse(query.as_bytes()).expect("a query");
        Operation::recognise(method, level, &query, Headers(headers))
    }

    #[test]
    fn each_row_is_recognised_by_its_own_request() {
        let mut names = BTreeSet::new();
        for (i, row) in ROWS.iter().enumerate() {
            assert_eq!(row.operation as usize, i, "{}", row.name);
            assert!(names.insert(row.name), "{} stands twice", row.name);
            assert_eq!(Operation::from_name(row.name), Some(row.operation));
            if row.served == Served::Alias {
                continue;
            }
            let query: Vec<String> = row.query.iter().map(|&marker| marker.into()).collect();
            let header = [(row.header, &b"bucket/key"[..])];
            let headers = if row.header.is_empty() { &header[..0] } else { &header[..] };
            let found = recognise(row.method, row.level, &query.join("&"), headers);
            assert_eq!(found, Ok(row.operation), "{}", row.name);
        }
        // 116 of the model, the form's POST and OPTIONS.
        assert_eq!(names.len(), 118);
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        use Level::{Bucket, Object, Service};
        use Method::{Delete, Get, Post, Put};
        assert_eq!(recognise(Delete, Bucket, "new-setting", &[]), Err(OperationError::Unknown));
        assert_eq!(recognise(Put, Object, "new-setting=", &[]), Err(OperationError::Unknown));
        assert_eq!(recognise(Put, Object, "x-id=PutObject&foo=bar", &[]), Ok(Operation::PutObject));
        assert_eq!(recognise(Get, Bucket, "new-setting", &[]), Ok(Operation::ListObjects));
        assert_eq!(recognise(Put, Object, "uploadId=x", &[]), Err(OperationError::Incomplete));
        assert_eq!(recognise(Put, Object, "partNumber=1", &[]), Err(OperationError::Incomplete));
        assert_eq!(recognise(Post, Object, "", &[]), Err(OperationError::Method));
        assert_eq!(recognise(Put, Service, "", &[]), Err(OperationError::Method));
    }

    #[test]
    fn the_more_special_one_wins() {
        use Level::{Bucket, Object};
        use Method::{Get, Put};
        let source: &[(&str, &[u8])] = &[("x-amz-copy-source", b"b/k")];
        assert_eq!(recognise(Put, Object, "partNumber=1&uploadId=u", source), Ok(Operation::UploadPartCopy));
        assert_eq!(recognise(Put, Object, "partNumber=1&uploadId=u", &[]), Ok(Operation::UploadPart));
        assert_eq!(recognise(Put, Object, "", source), Ok(Operation::CopyObject));
        assert_eq!(recognise(Put, Object, "tagging", source), Ok(Operation::PutObjectTagging));
        assert_eq!(recognise(Get, Bucket, "list-type=2&prefix=", &[]), Ok(Operation::ListObjectsV2));
        assert_eq!(recognise(Get, Bucket, "list-type=1", &[]), Ok(Operation::ListObjects));
        assert_eq!(
            recognise(Get, Bucket, "analytics&id=1", &[]),
            Ok(Operation::GetBucketAnalyticsConfiguration)
        );
        assert_eq!(
            recognise(Get, Bucket, "analytics", &[]),
            Ok(Operation::ListBucketAnalyticsConfigurations)
        );
    }

    /// A copy needs both its ends, and a version is another action: the advisories of other stores are about exactly this.
    #[test]
    fn permissions() {
        let needs = |operation: Operation, headers: &[(&str, &[u8])], versioned, source_versioned| {
            operation.needs(Headers(headers), versioned, source_versioned).collect::<Vec<_>>()
        };
        for operation in [Operation::CopyObject, Operation::UploadPartCopy] {
            assert_eq!(
                needs(operation, &[], false, true),
                [("s3:PutObject", Resource::Object), ("s3:GetObjectVersion", Resource::Source)]
            );
        }
        assert_eq!(
            needs(Operation::GetObject, &[], true, false),
            [("s3:GetObjectVersion", Resource::Object)]
        );
        assert_eq!(
            needs(Operation::PutObject, &[("x-amz-acl", b"private"), ("x-amz-tagging", b"")], false, false),
            [
                ("s3:PutObject", Resource::Object),
                ("s3:PutObjectAcl", Resource::Object),
                ("s3:PutObjectTagging", Resource::Object)
            ]
        );
        assert_eq!(
            needs(Operation::DeleteObject, &[("x-amz-bypass-governance-retention", b"true")], true, false),
            [
                ("s3:DeleteObjectVersion", Resource::Object),
                ("s3:BypassGovernanceRetention", Resource::Object)
            ]
        );
        assert_eq!(needs(Operation::RenameObject, &[], false, false).len(), 3);
        // Everything but a browser's question needs a permission.
        for operation in Operation::all().filter(|&operation| operation != Operation::OptionsObject) {
            assert!(!needs(operation, &[], false, false).is_empty(), "{operation}");
        }
    }
}
