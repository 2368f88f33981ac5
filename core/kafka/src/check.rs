//! What every input must keep to: the bodies of fuzz targets and of tests over seeds.

use alloc::vec::Vec;

use dolmen_codec::compress::{CodecError, Codecs, Compression, Dictionary};

use crate::batch::{Batch, Builder, Codec, Meta};
use crate::log::LogSettings;
use crate::log::produced;
use crate::log::recovery::{Found, look};
use crate::log::segment::{Head, readable};
use crate::messages::*;
use crate::topics::Topics;
use crate::wire::Message;
use crate::{compression, control, files, partition};

/// Nothing is plugged in: what is here by itself is LZ4.
struct Bare;

impl Codecs for Bare {
    fn has(&self, _: Compression) -> bool {
        false
    }

    fn expand(
        &self,
        _: Compression,
        _: Option<&Dictionary>,
        _: &[u8],
        _: &mut [u8],
    ) -> Result<usize, CodecError> {
        Err(CodecError::Absent)
    }

    fn compress(
        &self,
        _: Compression,
        _: Option<i32>,
        _: Option<&Dictionary>,
        _: &[u8],
        _: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        Err(CodecError::Absent)
    }
}

/// Bytes that a batch may expand to here.
const EXPANDED_LEN_MAX: usize = 1 << 20;

/// A batch from any bytes: it is refused, or its records are read, and written again they say the same.
pub fn check_batch(bytes: &[u8]) {
    let Ok((batch, rest)) = Batch::split(bytes, 0) else { return };
    assert_eq!(batch.bytes().len() + rest.len(), bytes.len());
    let _ = (control::control_type(&batch), control::marker(&batch));
    let mut expanded = Vec::new();
    if compression::expand(&batch, &Bare, EXPANDED_LEN_MAX, &mut expanded).is_err() {
        return;
    }
    assert!(expanded.len() <= EXPANDED_LEN_MAX || batch.codec() == Codec::None);
    let Ok(records) = batch.records(&expanded) else { return };
    let mut again = Vec::new();
    let mut builder = Builder::new(&mut again, Meta::default());
    builder.set_base_timestamp(batch.base_timestamp_ms());
    let all: Vec<_> = records.collect();
    assert_eq!(i32::try_from(all.len()), Ok(batch.record_count()));
    for record in &all {
        builder.push_at(*record);
    }
    builder.finish(None);
    let (same, _) = Batch::split(&again, 0).expect("it was just written");
    let read: Vec<_> = same.records(&[]).expect("it was just written").collect();
    assert_eq!(read.len(), all.len());
    for (one, other) in read.iter().zip(&all) {
        assert!(
            one.key == other.key && one.value == other.value && one.headers.iter().eq(other.headers.iter())
        );
    }
}

/// What a client sends to be appended, and what is then known of it. Any bytes.
pub fn check_produced(bytes: &[u8]) {
    let mut scratch = Vec::new();
    for compacts in [false, true] {
        let settings = LogSettings { compacts, ..LogSettings::default() };
        let Ok(batch) = produced::check(Some(bytes), &settings, &Bare, 0, &mut scratch) else { continue };
        assert!(batch.record_count() > 0 && batch.base_offset() == 0 && !batch.is_control());
        let mut known = partition::Partition::new(0);
        let _ = known.judge(&batch, true);
        known.appended(&batch);
        assert_eq!(known.log_end(), batch.last_offset() + 1);
    }
}

/// A segment that a dying broker left: what is kept is a part of it, batch by batch, and reading it again keeps it all.
pub fn check_segment(bytes: &[u8]) {
    let walk = |bytes: &[u8]| {
        let (mut at, mut next) = (0usize, 0);
        loop {
            let window = &bytes[at..];
            match look(window, at as u64, window.len() as u64, next) {
                Found::Batch(batch) => {
                    let head = Head::read(window).expect("a batch has a head");
                    assert_eq!(
                        (head.base_offset, head.last_offset),
                        (batch.base_offset(), batch.last_offset())
                    );
                    at += batch.bytes().len();
                    next = batch.last_offset().saturating_add(1);
                }
                Found::More(wanted) => panic!("{wanted} of {} bytes: all of them are shown", window.len()),
                Found::End | Found::Cut(_) => return at,
            }
        }
    };
    let kept = walk(bytes);
    assert_eq!(walk(&bytes[..kept]), kept);
    for len_max in [0, 1, 100, usize::MAX] {
        let (len, _) = readable(bytes, i64::MAX, len_max, true);
        assert!(len <= bytes.len());
    }
}

/// The files beside a segment. Any bytes.
pub fn check_files(bytes: &[u8]) {
    let offsets = files::offset_entries(bytes);
    assert!(offsets.is_sorted_by_key(files::OffsetEntry::relative_offset));
    for entry in offsets {
        assert_eq!(files::position_of(offsets, entry.relative_offset()), entry.position());
    }
    assert!(files::time_entries(bytes).is_sorted_by_key(files::TimeEntry::timestamp_ms));
    let aborted: Vec<_> = files::aborted_entries(bytes).collect();
    assert!(aborted.is_sorted_by_key(|one| one.last_offset));
    if let Ok(snapshot) = files::read_snapshot(bytes) {
        let rules = partition::Partition::restored(0, &snapshot);
        let mut again = Vec::new();
        files::put_snapshot(&mut again, &rules.producers().snapshot())
            .expect("there are no more than were read");
        files::read_snapshot(&again).expect("it was just written");
    }
    if let Ok(text) = core::str::from_utf8(bytes) {
        if let Some(entries) = files::parse_checkpoint(text) {
            let again = files::put_checkpoint(
                entries.iter().map(|((topic, p), offset)| (topic.as_str(), *p, *offset)),
            );
            assert_eq!(files::parse_checkpoint(&again), Some(entries));
        }
        if let Some(epochs) = files::parse_epochs(text) {
            assert_eq!(files::parse_epochs(&files::put_epochs(&epochs)), Some(epochs));
        }
    }
}

/// A record of the metadata log from any bytes: it is refused, or what it says is said again by records that say it again.
pub fn check_metadata(bytes: &[u8]) {
    let mut topics = Topics::new();
    if topics.load(bytes).is_err() {
        return;
    }
    let records = topics.snapshot(1).expect("what was read can be written");
    let mut again = Topics::new();
    records.iter().for_each(|record| again.load(record).expect("it was just written"));
    assert_eq!(again.snapshot(1).expect("as before"), records);
}

/// What is done with a request, whatever its type.
pub trait Visit {
    /// The body of a request of this type.
    fn visit<'a, M: Message<'a>>(&mut self, body: &'a [u8], version: i16);
}

/// Writes what could be read.
#[derive(Default)]
struct Rewrite(Option<Vec<u8>>);

impl Visit for Rewrite {
    fn visit<'a, M: Message<'a>>(&mut self, body: &'a [u8], version: i16) {
        let Ok(message) = M::decode(body, version) else { return };
        let mut again = Vec::new();
        message.encode(version, &mut again).expect("what was read can be written");
        assert_eq!(message.encoded_len(version), Ok(again.len()));
        self.0 = Some(again);
    }
}

/// A request of any API from any bytes: key, version, body. It is refused, or can be written again, and what was written again stays as it is.
pub fn check_request(bytes: &[u8]) {
    let (mut first, mut second) = (Rewrite::default(), Rewrite::default());
    visit_request(bytes, &mut first);
    let Some(again) = &first.0 else { return };
    visit_request(&[&bytes[..2], again].concat(), &mut second);
    assert_eq!(second.0, first.0);
}

/// Hands the body of a request to `visit` as what its key says it is: key, version, body. Nothing happens if no request has that key.
pub fn visit_request(bytes: &[u8], visit: &mut impl Visit) {
    let Some((key, rest)) = bytes.split_first() else { return };
    let Some((version, body)) = rest.split_first() else { return };
    let version = i16::from(*version);
    macro_rules! requests {
        ($($message:ident),* $(,)?) => {
            match i16::from(*key) {
                $(key if key == $message::KEY => visit.visit::<$message<'_>>(body, version),)*
                _ => {}
            }
        };
    }
    requests!(
        ProduceRequest,
        FetchRequest,
        ListOffsetsRequest,
        MetadataRequest,
        OffsetCommitRequest,
        OffsetFetchRequest,
        FindCoordinatorRequest,
        JoinGroupRequest,
        HeartbeatRequest,
        LeaveGroupRequest,
        SyncGroupRequest,
        DescribeGroupsRequest,
        ListGroupsRequest,
        SaslHandshakeRequest,
        ApiVersionsRequest,
        CreateTopicsRequest,
        DeleteTopicsRequest,
        DeleteRecordsRequest,
        InitProducerIdRequest,
        OffsetForLeaderEpochRequest,
        AddPartitionsToTxnRequest,
        AddOffsetsToTxnRequest,
        EndTxnRequest,
        WriteTxnMarkersRequest,
        TxnOffsetCommitRequest,
        DescribeAclsRequest,
        CreateAclsRequest,
        DeleteAclsRequest,
        DescribeConfigsRequest,
        AlterConfigsRequest,
        SaslAuthenticateRequest,
        CreatePartitionsRequest,
        DeleteGroupsRequest,
        IncrementalAlterConfigsRequest,
        OffsetDeleteRequest,
        DescribeClusterRequest,
        DescribeProducersRequest,
        DescribeTransactionsRequest,
        ListTransactionsRequest,
        ConsumerGroupHeartbeatRequest,
        ConsumerGroupDescribeRequest,
        DescribeTopicPartitionsRequest,
        ElectLeadersRequest,
        DescribeLogDirsRequest,
        AlterReplicaLogDirsRequest,
        AlterPartitionReassignmentsRequest,
        ListPartitionReassignmentsRequest,
        ListConfigResourcesRequest,
        DescribeUserScramCredentialsRequest,
        AlterUserScramCredentialsRequest,
        DescribeQuorumRequest,
        DescribeClientQuotasRequest,
    );
}
