//! Retention and legal hold. Written from botocore's model of 2006-03-01, members in its order.

use crate::time::Timestamp;
use crate::xml::{documents, enums, shapes};

shapes! {
    /// The shape `ObjectLockConfiguration`.
    ObjectLockConfiguration {
        object_lock_enabled: Option<ObjectLockEnabled> = "ObjectLockEnabled",
        rule: Option<ObjectLockRule> = "Rule",
    }
    /// The shape `ObjectLockRule`.
    ObjectLockRule {
        default_retention: Option<DefaultRetention> = "DefaultRetention",
    }
    /// The shape `DefaultRetention`.
    DefaultRetention {
        mode: Option<RetentionMode> = "Mode",
        days: Option<i32> = "Days",
        years: Option<i32> = "Years",
        default_event_hold: Option<EventHoldDuration> = "DefaultEventHold",
    }
    /// The shape `EventHoldDuration`.
    EventHoldDuration {
        days: Option<i32> = "Days",
        years: Option<i32> = "Years",
    }
    /// The shape `Retention`.
    Retention {
        mode: Option<RetentionMode> = "Mode",
        retain_until_date: Option<Timestamp> = "RetainUntilDate",
        event_hold: Option<OnOff> = "EventHold",
        event_hold_duration: Option<EventHoldDuration> = "EventHoldDuration",
    }
    /// The shape `LegalHold`.
    LegalHold {
        status: Option<OnOff> = "Status",
    }
}

enums! {
    /// The enumeration `ObjectLockEnabled`.
    ObjectLockEnabled { Enabled = "Enabled" }
    /// The enumeration `OnOff`.
    OnOff { On = "ON", Off = "OFF" }
    /// The enumeration `RetentionMode`.
    RetentionMode { Governance = "GOVERNANCE", Compliance = "COMPLIANCE" }
}

documents! {
    ObjectLockConfiguration = "ObjectLockConfiguration",
    Retention = "Retention",
    LegalHold = "LegalHold",
}
