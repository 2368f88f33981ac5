//! The tables of settings.

use super::{Kind, Setting};

const INT: Kind = Kind::Int(i32::MIN, i32::MAX);
const LONG: Kind = Kind::Long(i64::MIN, i64::MAX);
const INT_FROM_0: Kind = Kind::Int(0, i32::MAX);
const INT_FROM_1: Kind = Kind::Int(1, i32::MAX);
const LONG_FROM_0: Kind = Kind::Long(0, i64::MAX);
const LONG_FROM_1: Kind = Kind::Long(1, i64::MAX);
const LONG_FROM_MINUS_1: Kind = Kind::Long(-1, i64::MAX);
const POLICIES: Kind = Kind::List(&["compact", "delete"]);
const CODECS: Kind = Kind::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]);
const CLOCKS: Kind = Kind::OneOf(&["CreateTime", "LogAppendTime"]);
const GZIP_LEVEL: Kind = Kind::Int(-1, 9);
const LZ4_LEVEL: Kind = Kind::Int(1, 17);
const ZSTD_LEVEL: Kind = Kind::Int(-131_072, 22);
const MAX: &str = "9223372036854775807";

/// A row: what depends on it here, how it may change.
const fn row(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    synonym: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, kind, default: Some(default), synonym, is_dynamic: true, has_effect: true, about }
}

/// A row that is fixed when the broker starts.
const fn fixed(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Setting {
    Setting { is_dynamic: false, ..row(name, kind, default, "", about) }
}

/// A row that changes nothing.
const fn idle(setting: Setting) -> Setting {
    Setting { has_effect: false, ..setting }
}

/// A row that is taken and told and changes nothing.
const fn told(name: &'static str, kind: Kind, default: &'static str, synonym: &'static str) -> Setting {
    idle(row(name, kind, default, synonym, "Taken and told; nothing depends on it here."))
}

/// A row that is fixed when the broker starts, told, and changes nothing.
const fn told_fixed(name: &'static str, kind: Kind, default: &'static str) -> Setting {
    Setting { is_dynamic: false, ..told(name, kind, default, "") }
}

/// A row without a default.
const fn unset(name: &'static str, kind: Kind, about: &'static str) -> Setting {
    Setting { default: None, ..fixed(name, kind, "", about) }
}

/// Settings of groups, of the newer protocol.
pub const GROUP: &[Setting] = &[
    row(
        "consumer.heartbeat.interval.ms",
        INT_FROM_1,
        "5000",
        "group.consumer.heartbeat.interval.ms",
        "How often the group's members speak.",
    ),
    row(
        "consumer.session.timeout.ms",
        INT_FROM_1,
        "45000",
        "group.consumer.session.timeout.ms",
        "A member of the group that is silent so long is put out.",
    ),
];

/// Settings of topics.
pub const TOPIC: &[Setting] = &[
    row(
        "cleanup.policy",
        POLICIES,
        "delete",
        "log.cleanup.policy",
        "Old segments go by age and size, or by key.",
    ),
    told("compression.gzip.level", GZIP_LEVEL, "-1", "compression.gzip.level"),
    told("compression.lz4.level", LZ4_LEVEL, "9", "compression.lz4.level"),
    told("compression.type", CODECS, "producer", "compression.type"),
    told("compression.zstd.level", ZSTD_LEVEL, "3", "compression.zstd.level"),
    row(
        "delete.retention.ms",
        LONG_FROM_0,
        "86400000",
        "log.cleaner.delete.retention.ms",
        "How long tombstones stay.",
    ),
    told("file.delete.delay.ms", LONG_FROM_0, "60000", "log.segment.delete.delay.ms"),
    row("flush.messages", LONG_FROM_1, MAX, "log.flush.interval.messages", "Records between two syncs."),
    row("flush.ms", LONG_FROM_0, MAX, "log.flush.interval.ms", "Time between two syncs."),
    told("follower.replication.throttled.replicas", Kind::List(&[]), "", ""),
    row(
        "index.interval.bytes",
        INT_FROM_0,
        "4096",
        "log.index.interval.bytes",
        "Bytes between two index entries.",
    ),
    told("internal.segment.bytes", Kind::Int(1, i32::MAX), "1073741824", ""),
    told("leader.replication.throttled.replicas", Kind::List(&[]), "", ""),
    told("local.retention.bytes", Kind::Long(-2, i64::MAX), "-2", ""),
    told("local.retention.ms", Kind::Long(-2, i64::MAX), "-2", ""),
    told("max.compaction.lag.ms", LONG_FROM_1, MAX, "log.cleaner.max.compaction.lag.ms"),
    row("max.message.bytes", INT_FROM_0, "1048588", "message.max.bytes", "The largest batch."),
    row(
        "message.timestamp.after.max.ms",
        LONG_FROM_0,
        "3600000",
        "log.message.timestamp.after.max.ms",
        "How far a timestamp may be ahead.",
    ),
    row(
        "message.timestamp.before.max.ms",
        LONG_FROM_0,
        MAX,
        "log.message.timestamp.before.max.ms",
        "How far a timestamp may be behind.",
    ),
    row(
        "message.timestamp.type",
        CLOCKS,
        "CreateTime",
        "log.message.timestamp.type",
        "Whose clock timestamps are of.",
    ),
    told("min.cleanable.dirty.ratio", Kind::Double(0.0, 1.0), "0.5", "log.cleaner.min.cleanable.ratio"),
    row(
        "min.compaction.lag.ms",
        LONG_FROM_0,
        "0",
        "log.cleaner.min.compaction.lag.ms",
        "When a record may be cleaned.",
    ),
    told("min.insync.replicas", INT_FROM_1, "1", "min.insync.replicas"),
    told("preallocate", Kind::Bool, "false", "log.preallocate"),
    told("remote.copy.disable", Kind::Bool, "false", ""),
    told("remote.log.delete.on.disable", Kind::Bool, "false", ""),
    told("remote.storage.enable", Kind::OneOf(&["false"]), "false", ""),
    row("retention.bytes", LONG, "-1", "log.retention.bytes", "How large a log may grow; -1 without bound."),
    row(
        "retention.ms",
        LONG_FROM_MINUS_1,
        "604800000",
        "log.retention.ms",
        "How old a segment may grow; -1 without bound.",
    ),
    row(
        "segment.bytes",
        Kind::Int(1 << 20, i32::MAX),
        "1073741824",
        "log.segment.bytes",
        "How large a segment grows.",
    ),
    told("segment.index.bytes", Kind::Int(4, i32::MAX), "10485760", "log.index.size.max.bytes"),
    told("segment.jitter.ms", LONG_FROM_0, "0", "log.roll.jitter.ms"),
    row("segment.ms", LONG_FROM_1, "604800000", "log.roll.ms", "How old a segment's first record grows."),
    told("unclean.leader.election.enable", Kind::Bool, "false", "unclean.leader.election.enable"),
];

/// Settings of the broker: those that `--kafka-set` takes.
pub const BROKER: &[Setting] = &[
    fixed("advertised.listeners", Kind::List(&[]), "", "Where clients reach the broker."),
    fixed(
        "allow.everyone.if.no.acl.found",
        Kind::Bool,
        "false",
        "With an authorizer: what no access rule speaks of, everyone may do.",
    ),
    fixed(
        "authorizer.class.name",
        Kind::OneOf(&["", crate::acl::AUTHORIZER]),
        "",
        "What access rules are kept and followed by; empty: whoever came in may do everything.",
    ),
    row("auto.create.topics.enable", Kind::Bool, "true", "", "Topics come to be when they are asked for."),
    told("background.threads", INT_FROM_1, "10", ""),
    fixed("broker.id", INT, "1", "The broker's id."),
    told("compression.gzip.level", GZIP_LEVEL, "-1", ""),
    told("compression.lz4.level", LZ4_LEVEL, "9", ""),
    told("compression.type", CODECS, "producer", ""),
    told("compression.zstd.level", ZSTD_LEVEL, "3", ""),
    fixed("connections.max.idle.ms", LONG, "600000", "A connection that is silent so long is closed."),
    told_fixed("controlled.shutdown.enable", Kind::Bool, "true"),
    told_fixed("default.replication.factor", Kind::Int(1, 1), "1"),
    fixed("delete.topic.enable", Kind::Bool, "true", "Topics may be deleted."),
    fixed("fetch.max.bytes", Kind::Int(1024, i32::MAX), "57671680", "The largest answer to Fetch."),
    told_fixed("fetch.purgatory.purge.interval.requests", INT, "1000"),
    told_fixed("group.consumer.assignors", Kind::List(&["uniform", "range"]), "uniform,range"),
    fixed(
        "group.consumer.heartbeat.interval.ms",
        INT_FROM_1,
        "5000",
        "How often members of the newer groups speak.",
    ),
    fixed("group.consumer.max.heartbeat.interval.ms", INT_FROM_1, "15000", "The longest such interval."),
    fixed("group.consumer.max.session.timeout.ms", INT_FROM_1, "60000", "The longest such time-out."),
    fixed("group.consumer.max.size", INT_FROM_1, "2147483647", "The most members of a newer group."),
    idle(fixed(
        "group.consumer.migration.policy",
        Kind::OneOf(&["disabled"]),
        "disabled",
        "Groups do not change their protocol while they have members here: `disabled`, where Kafka has `bidirectional`.",
    )),
    fixed("group.consumer.min.heartbeat.interval.ms", INT_FROM_1, "5000", "The shortest such interval."),
    fixed("group.consumer.min.session.timeout.ms", INT_FROM_1, "45000", "The shortest such time-out."),
    fixed(
        "group.consumer.session.timeout.ms",
        INT_FROM_1,
        "45000",
        "A member of a newer group that is silent so long is put out.",
    ),
    told_fixed(
        "group.coordinator.rebalance.protocols",
        Kind::List(&["classic", "consumer", "streams"]),
        "classic,consumer",
    ),
    fixed(
        "group.initial.rebalance.delay.ms",
        INT_FROM_0,
        "3000",
        "How long an empty group waits for more members.",
    ),
    fixed("group.max.session.timeout.ms", INT, "1800000", "The longest session time-out."),
    fixed("group.max.size", INT_FROM_1, "2147483647", "The most members of a group."),
    fixed("group.min.session.timeout.ms", INT, "6000", "The shortest session time-out."),
    told_fixed("inter.broker.listener.name", Kind::Text, "PLAINTEXT"),
    told("listener.security.protocol.map", Kind::Text, "", ""),
    told("listeners", Kind::List(&[]), "", ""),
    row("log.cleaner.backoff.ms", LONG_FROM_0, "15000", "", "How often the cleaner looks."),
    told("log.cleaner.dedupe.buffer.size", LONG, "134217728", ""),
    row("log.cleaner.delete.retention.ms", LONG_FROM_0, "86400000", "", "How long tombstones stay."),
    told_fixed("log.cleaner.enable", Kind::Bool, "true"),
    told("log.cleaner.io.buffer.load.factor", Kind::Double(0.0, f64::MAX), "0.9", ""),
    told("log.cleaner.io.buffer.size", INT_FROM_0, "524288", ""),
    told("log.cleaner.io.max.bytes.per.second", Kind::Double(0.0, f64::MAX), "1.7976931348623157E308", ""),
    told("log.cleaner.max.compaction.lag.ms", LONG_FROM_1, MAX, ""),
    told("log.cleaner.min.cleanable.ratio", Kind::Double(0.0, 1.0), "0.5", ""),
    row("log.cleaner.min.compaction.lag.ms", LONG_FROM_0, "0", "", "When a record may be cleaned."),
    told("log.cleaner.threads", INT_FROM_0, "1", ""),
    row("log.cleanup.policy", POLICIES, "delete", "", "Old segments go by age and size, or by key."),
    told_fixed("log.dir", Kind::Text, ""),
    told_fixed("log.dirs", Kind::Text, ""),
    row(
        "log.flush.interval.messages",
        LONG_FROM_1,
        "1",
        "",
        "Records between two syncs. 1, sync before each answer, where Kafka has never.",
    ),
    row(
        "log.flush.interval.ms",
        LONG_FROM_0,
        MAX,
        "",
        "Time between two syncs. Given at the start without a number of records, it alone decides.",
    ),
    told_fixed("log.flush.offset.checkpoint.interval.ms", INT_FROM_0, "60000"),
    told_fixed("log.flush.scheduler.interval.ms", LONG, MAX),
    told_fixed("log.flush.start.offset.checkpoint.interval.ms", INT_FROM_0, "60000"),
    row("log.index.interval.bytes", INT_FROM_0, "4096", "", "Bytes between two index entries."),
    told("log.index.size.max.bytes", Kind::Int(4, i32::MAX), "10485760", ""),
    row(
        "log.message.timestamp.after.max.ms",
        LONG_FROM_0,
        "3600000",
        "",
        "How far a timestamp may be ahead.",
    ),
    row("log.message.timestamp.before.max.ms", LONG_FROM_0, MAX, "", "How far a timestamp may be behind."),
    row("log.message.timestamp.type", CLOCKS, "CreateTime", "", "Whose clock timestamps are of."),
    told("log.preallocate", Kind::Bool, "false", ""),
    row("log.retention.bytes", LONG, "-1", "", "How large a log may grow; -1 without bound."),
    fixed("log.retention.check.interval.ms", LONG_FROM_1, "300000", "How often old segments are looked for."),
    row(
        "log.retention.ms",
        LONG_FROM_MINUS_1,
        "604800000",
        "",
        "How old a segment may grow; -1 without bound.",
    ),
    told("log.roll.jitter.ms", LONG_FROM_0, "0", ""),
    row("log.roll.ms", LONG_FROM_1, "604800000", "", "How old a segment's first record grows."),
    row("log.segment.bytes", Kind::Int(1 << 20, i32::MAX), "1073741824", "", "How large a segment grows."),
    told("log.segment.delete.delay.ms", LONG_FROM_0, "60000", ""),
    row("max.connections", INT_FROM_0, "2147483647", "", "The most connections."),
    row("max.connections.per.ip", INT_FROM_0, "2147483647", "", "The most connections of one address."),
    told_fixed("max.incremental.fetch.session.cache.slots", INT_FROM_0, "1000"),
    row("message.max.bytes", INT_FROM_0, "1048588", "", "The largest batch."),
    told("min.insync.replicas", INT_FROM_1, "1", ""),
    fixed("node.id", INT_FROM_0, "1", "The broker's id."),
    told("num.io.threads", INT_FROM_1, "8", ""),
    told("num.network.threads", INT_FROM_1, "3", ""),
    fixed(
        "num.partitions",
        Kind::Int(1, crate::limits::PARTITIONS_MAX),
        "1",
        "Partitions of a topic that does not say.",
    ),
    told("num.recovery.threads.per.data.dir", INT_FROM_1, "2", ""),
    fixed("offset.metadata.max.bytes", INT, "4096", "The longest text beside an offset."),
    told_fixed("offsets.commit.timeout.ms", INT_FROM_1, "5000"),
    told_fixed("offsets.load.buffer.size", INT_FROM_1, "5242880"),
    fixed(
        "offsets.retention.check.interval.ms",
        LONG_FROM_1,
        "600000",
        "How often old offsets are looked for.",
    ),
    fixed(
        "offsets.retention.minutes",
        INT_FROM_1,
        "10080",
        "How long offsets stay when their group has no members.",
    ),
    told_fixed("offsets.topic.compression.codec", INT, "0"),
    fixed(
        "offsets.topic.num.partitions",
        Kind::Int(1, crate::limits::PARTITIONS_MAX),
        "50",
        "Partitions of __consumer_offsets when it is made.",
    ),
    told_fixed("offsets.topic.replication.factor", Kind::Short(1, i16::MAX), "1"),
    fixed(
        "offsets.topic.segment.bytes",
        INT_FROM_1,
        "104857600",
        "How large a segment of __consumer_offsets grows.",
    ),
    told_fixed("process.roles", Kind::List(&["broker", "controller"]), "broker,controller"),
    row(
        "producer.id.expiration.ms",
        INT_FROM_1,
        "86400000",
        "",
        "A producer that is silent so long is forgotten.",
    ),
    fixed(
        "producer.id.expiration.check.interval.ms",
        INT_FROM_1,
        "600000",
        "How often silent producers are looked for.",
    ),
    told_fixed("queued.max.requests", INT_FROM_1, "500"),
    told_fixed("replica.fetch.max.bytes", INT_FROM_0, "1048576"),
    told_fixed("request.timeout.ms", INT, "30000"),
    fixed(
        "sasl.enabled.mechanisms",
        Kind::List(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
        "",
        "How clients prove who they are; empty: they need not.",
    ),
    told("sasl.kerberos.min.time.before.relogin", LONG, "60000", ""),
    fixed("socket.request.max.bytes", INT_FROM_1, "104857600", "The largest request."),
    told_fixed("socket.receive.buffer.bytes", INT, "102400"),
    told_fixed("socket.send.buffer.bytes", INT, "102400"),
    fixed(
        "super.users",
        Kind::Text,
        "",
        "With an authorizer: who may do everything, as User:NAME, with semicolons between them.",
    ),
    fixed(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        INT_FROM_1,
        "10000",
        "How often transactions over time are looked for.",
    ),
    fixed(
        "transaction.max.timeout.ms",
        INT_FROM_1,
        "900000",
        "The longest that a transaction may stay open.",
    ),
    idle(row(
        "transaction.partition.verification.enable",
        Kind::Bool,
        "true",
        "",
        "Always on here, whatever it says.",
    )),
    told_fixed("transaction.remove.expired.transaction.cleanup.interval.ms", INT_FROM_1, "3600000"),
    told_fixed("transaction.state.log.load.buffer.size", INT_FROM_1, "5242880"),
    told_fixed("transaction.state.log.min.isr", INT_FROM_1, "1"),
    fixed(
        "transaction.state.log.num.partitions",
        Kind::Int(1, crate::limits::PARTITIONS_MAX),
        "50",
        "Partitions of __transaction_state when it is made.",
    ),
    told_fixed("transaction.state.log.replication.factor", Kind::Short(1, i16::MAX), "1"),
    fixed(
        "transaction.state.log.segment.bytes",
        INT_FROM_1,
        "104857600",
        "How large a segment of __transaction_state grows.",
    ),
    fixed(
        "transaction.version",
        Kind::Int(0, 2),
        "2",
        "The finalized feature; Kafka has it as a feature, not as a setting.",
    ),
    fixed(
        "transactional.id.expiration.ms",
        INT_FROM_1,
        "604800000",
        "A transactional id that is unused so long is forgotten.",
    ),
    told("unclean.leader.election.enable", Kind::Bool, "false", ""),
    unset("broker.rack", Kind::Text, "The rack that Metadata tells."),
    unset("ssl.keystore.location", Kind::Text, "The certificate chain and key, as PEM."),
];
