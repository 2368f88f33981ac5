//! Request bodies as botocore writes them, every member set: what is read is written again with the same elements in the same order.

use dolmen_s3::body::*;
use dolmen_s3::xml::{Document, XmlError};

/// The names of the elements in their order.
fn elements(xml: &str) -> Vec<&str> {
    let tags = xml.split('<').skip(1).filter(|tag| !tag.starts_with(['?', '/']));
    tags.map(|tag| tag.split(['>', ' ', '/']).next().expect("split gives one piece")).collect()
}

fn check<T: Document + PartialEq + std::fmt::Debug>(operation: &str, body: &str) {
    let read = T::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{operation}: {error}"));
    let written = read.to_xml(false);
    assert_eq!(T::parse(written.as_bytes()).as_ref(), Ok(&read), "{operation}: {written}");
    // Their answers have another order than the requests, and a grantee has only the member that its type asks for.
    let other = ["PutBucketAcl", "PutObjectAcl", "PutBucketLogging", "PutBucketVersioning"];
    if !other.contains(&operation) {
        assert_eq!(elements(&written), elements(body), "{operation}");
    }
    // Nothing that the schema does not have, and nothing twice.
    let end = body.rfind("</").expect("a closing tag");
    let unknown = format!("{}<Unknown/>{}", &body[..end], &body[end..]);
    assert!(matches!(T::parse(unknown.as_bytes()), Err(XmlError::Unknown { .. })), "{operation}");
    assert_eq!(T::parse_answer(unknown.as_bytes(), false).as_ref(), Ok(&read), "{operation}");
    for at in 0..body.len() {
        // A cut body is never read, wherever it is cut.
        if body.is_char_boundary(at) {
            assert!(T::parse(&body.as_bytes()[..at]).is_err(), "{operation} cut at {at}");
        }
    }
}

#[test]
fn what_botocore_writes() {
    let mut count = 0;
    for line in include_str!("data/bodies.txt").lines() {
        let (operation, body) = line.split_once(' ').expect("a name and a body");
        let check = match operation {
            "CompleteMultipartUpload" => check::<CompletedMultipartUpload>,
            "CreateBucket" => check::<CreateBucketConfiguration>,
            "DeleteObjects" => check::<Delete>,
            "PutBucketAbac" => check::<AbacStatus>,
            "PutBucketAccelerateConfiguration" => check::<AccelerateConfiguration>,
            "PutBucketAcl" | "PutObjectAcl" => check::<AccessControlPolicy>,
            "PutBucketAnalyticsConfiguration" => check::<AnalyticsConfiguration>,
            "PutBucketCors" => check::<CorsConfiguration>,
            "PutBucketEncryption" => check::<ServerSideEncryptionConfiguration>,
            "PutBucketIntelligentTieringConfiguration" => check::<IntelligentTieringConfiguration>,
            "PutBucketInventoryConfiguration" => check::<InventoryConfiguration>,
            "PutBucketLifecycleConfiguration" => check::<LifecycleConfiguration>,
            "PutBucketLogging" => check::<BucketLoggingStatus>,
            "PutBucketMetricsConfiguration" => check::<MetricsConfiguration>,
            "PutBucketNotificationConfiguration" => check::<NotificationConfiguration>,
            "PutBucketOwnershipControls" => check::<OwnershipControls>,
            "PutBucketReplication" => check::<ReplicationConfiguration>,
            "PutBucketRequestPayment" => check::<RequestPaymentConfiguration>,
            "PutBucketTagging" | "PutObjectTagging" => check::<Tagging>,
            "PutBucketVersioning" => check::<VersioningConfiguration>,
            "PutBucketWebsite" => check::<WebsiteConfiguration>,
            "PutObjectLegalHold" => check::<LegalHold>,
            "PutObjectLockConfiguration" => check::<ObjectLockConfiguration>,
            "PutObjectRetention" => check::<Retention>,
            "PutPublicAccessBlock" => check::<PublicAccessBlockConfiguration>,
            "RestoreObject" => check::<RestoreRequest>,
            other => panic!("no shape for {other}"),
        };
        check(operation, body);
        count += 1;
    }
    assert_eq!(count, 28);
}

/// Answers with every member that the model has: all of them are known, and written in its order.
#[test]
fn answers_of_the_model() {
    let mut count = 0;
    for line in include_str!("data/answers.txt").lines() {
        let (operation, body) = line.split_once(' ').expect("a name and a body");
        let check = match operation {
            "CompleteMultipartUpload" => check_answer::<CompleteMultipartUploadOutput>,
            "CopyObject" => check_answer::<CopyObjectResult>,
            "CreateMultipartUpload" => check_answer::<CreateMultipartUploadOutput>,
            "DeleteObjects" => check_answer::<DeleteObjectsOutput>,
            "GetObjectAttributes" => check_answer::<GetObjectAttributesOutput>,
            "ListBucketAnalyticsConfigurations" => check_answer::<ListBucketAnalyticsConfigurationsOutput>,
            "ListBucketIntelligentTieringConfigurations" => {
                check_answer::<ListBucketIntelligentTieringConfigurationsOutput>
            }
            "ListBucketInventoryConfigurations" => check_answer::<ListBucketInventoryConfigurationsOutput>,
            "ListBucketMetricsConfigurations" => check_answer::<ListBucketMetricsConfigurationsOutput>,
            "ListBuckets" => check_answer::<ListBucketsOutput>,
            "ListMultipartUploads" => check_answer::<ListMultipartUploadsOutput>,
            "ListObjectAnnotations" => check_answer::<ListObjectAnnotationsOutput>,
            "ListObjectVersions" => check_answer::<ListObjectVersionsOutput>,
            "ListObjects" => check_answer::<ListObjectsOutput>,
            "ListObjectsV2" => check_answer::<ListObjectsV2Output>,
            "ListParts" => check_answer::<ListPartsOutput>,
            "PutObjectAnnotation" => check_answer::<PutObjectAnnotationOutput>,
            "UploadPartCopy" => check_answer::<CopyPartResult>,
            other => panic!("no shape for {other}"),
        };
        check(operation, body);
        count += 1;
    }
    assert_eq!(count, 18);
}

fn check_answer<T: Document + PartialEq + std::fmt::Debug>(operation: &str, body: &str) {
    // Strictly, so that no member is passed over.
    let read = T::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{operation}: {error}"));
    let written = read.to_xml(false);
    assert_eq!(elements(&written), elements(body), "{operation}");
    assert_eq!(T::parse_answer(written.as_bytes(), false).as_ref(), Ok(&read), "{operation}");
    let url = read.to_xml(true);
    assert_eq!(T::parse_answer(url.as_bytes(), true), Ok(read), "{operation}");
}

#[test]
fn bombs_and_crowds() {
    let object = "<Object><Key>k</Key></Object>";
    let delete =
        |count: usize| Delete::parse(format!("<Delete>{}</Delete>", object.repeat(count)).as_bytes());
    assert_eq!(delete(1000).map(|delete| delete.objects.len()), Ok(1000));
    assert_eq!(delete(1001), Err(XmlError::Count { at: 0 }));
    assert_eq!(delete(0), Err(XmlError::Missing { element: "Object" }));
    let part = "<Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>";
    let complete = |count: usize| {
        let body = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", part.repeat(count));
        CompletedMultipartUpload::parse(body.as_bytes()).map(|complete| complete.parts.len())
    };
    assert_eq!(complete(10_000), Ok(10_000));
    assert!(matches!(complete(10_001), Err(XmlError::Count { .. })));
    let twice = "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value/></Tag></TagSet></Tagging>";
    assert_eq!(Tagging::parse(twice.as_bytes()), Err(XmlError::Duplicate { element: "Key" }));
    let none = "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>";
    assert_eq!(Tagging::parse(none.as_bytes()), Err(XmlError::Missing { element: "Value" }));
    assert_eq!(LegalHold::parse(b"<Retention/>"), Err(XmlError::Root { expected: "LegalHold" }));
    for status in ["", "enabled", "Off"] {
        let body = format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        assert!(
            matches!(VersioningConfiguration::parse(body.as_bytes()), Err(XmlError::Value { .. })),
            "{status}"
        );
    }
    for days in ["a", "1.5", "99999999999", "0x10", ""] {
        let body = format!("<RestoreRequest><Days>{days}</Days></RestoreRequest>");
        assert!(matches!(RestoreRequest::parse(body.as_bytes()), Err(XmlError::Value { .. })), "{days}");
    }
}

/// A listing with `encoding-type=url`: a plus and a space come back as what they were, in botocore's decoder too.
#[test]
fn keys_of_listings_percent_encoded() {
    let keys = ["r+1.txt", "r 1.txt", "a/b", "é", "\u{1}\r\n", "100%", "\u{1f600}"];
    let mut listing = ListObjectsV2Output { name: "bucket".into(), ..Default::default() };
    listing.contents = keys.iter().map(|&key| Object { key: key.into(), ..Default::default() }).collect();
    listing.delimiter = Some("+".into());
    let encoded = listing.to_xml(true);
    assert!(
        encoded.contains("<Key>r%2B1.txt</Key>") && encoded.contains("<Key>r%201.txt</Key>"),
        "{encoded}"
    );
    assert!(
        encoded.contains("<Delimiter>%2B</Delimiter>") && encoded.contains("<Key>a/b</Key>"),
        "{encoded}"
    );
    assert_eq!(ListObjectsV2Output::parse_answer(encoded.as_bytes(), true), Ok(listing.clone()));
    let plain = listing.to_xml(false);
    assert!(plain.contains("<Key>&#1;&#13;\n</Key>"), "{plain}");
    assert_eq!(ListObjectsV2Output::parse_answer(plain.as_bytes(), false), Ok(listing));
}

#[test]
fn answers_begin_with_their_declaration_and_namespace() {
    assert_eq!(
        LocationConstraint("eu-west-1".into()).to_xml(false),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">eu-west-1</LocationConstraint>"
    );
    let mut out = String::new();
    let document = dolmen_s3::ErrorDocument {
        fields: &[("Key", "a&b")],
        ..dolmen_s3::ErrorDocument::new(dolmen_s3::ErrorCode::NoSuchKey, "/b/a&b", "1")
    };
    document.write(&mut out);
    assert_eq!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.\
         </Message><Key>a&amp;b</Key><Resource>/b/a&amp;b</Resource><RequestId>1</RequestId></Error>"
    );
}
