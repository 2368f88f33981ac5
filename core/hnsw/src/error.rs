//! One error enum. Fields are numbers; the adapter adds the path.

use core::fmt;

use crate::metric::{Form, Metric};

/// Why a call on an index, or the reading of a file, failed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// What the caller gave cannot be used; nothing was changed.
    Invalid(Invalid),
    /// Bytes of a file are damaged.
    Corrupt {
        /// The field or section.
        field: Field,
        /// Where it stands: an offset in the file.
        at: u64,
        /// What was found.
        found: u64,
        /// What had to be there, or the most that may be.
        expected: u64,
    },
    /// A section's bytes have another checksum than the file says.
    Checksum {
        /// The section.
        field: Field,
        /// Where the damaged block begins.
        at: u64,
    },
    /// The file is whole but uses something that is not read here.
    Unsupported {
        /// What it uses.
        feature: Feature,
        /// Its number in the file.
        found: u64,
    },
    /// A limit of `limits` is exceeded.
    Limit {
        /// Of what.
        field: Field,
        /// What was found.
        found: u64,
        /// What is allowed.
        max: u64,
    },
}

/// What is wrong with what a caller gave.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Invalid {
    /// A vector has another dimension than the index.
    Dimension {
        /// Of the index.
        expected: u64,
        /// Of the vector.
        found: u64,
    },
    /// A value is NaN or infinite.
    NotFinite {
        /// Its position in the vector.
        position: u64,
    },
    /// A value is so large that distances would overflow.
    TooLarge {
        /// Its position in the vector.
        position: u64,
    },
    /// A count or a parameter that must be at least this is smaller.
    TooSmall {
        /// Which.
        field: Field,
        /// What was given.
        found: u64,
        /// The least that may be.
        min: u64,
    },
    /// No live vector has the label.
    UnknownLabel(u64),
    /// A live vector has the label already.
    LabelExists(u64),
    /// The form cannot be used with the metric.
    FormMetric(Form, Metric),
    /// The vector is of another type than the index holds.
    VectorType {
        /// The form of the index.
        form: Form,
    },
    /// What is asked for makes no sense for this form.
    Form(Form),
    /// A recall is not between 0 and 1.
    Recall,
    /// Bytes that are used in place do not begin at a multiple of 8.
    Alignment,
    /// A label does not fit the type of the output.
    LabelRange(u64),
}

/// A field or section of a file, or a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Field {
    Magic,
    Version,
    FileLength,
    Header,
    Sections,
    Meta,
    Dimension,
    Metric,
    Form,
    Count,
    Capacity,
    Size,
    Offset,
    M,
    M0,
    EfConstruction,
    Ef,
    K,
    Level,
    Entry,
    LinkCount,
    Link,
    LinkBytes,
    State,
    Label,
    Vectors,
    Raw,
    Links,
    Levels,
    Upper,
    UpperAt,
    Checks,
    Padding,
    Codes,
    Scale,
    Rotation,
    Trailing,
    Change,
    Batch,
    Row,
    Text,
}

/// What a file uses that is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Feature {
    Version,
    Metric,
    Scalar,
    Storage,
    Quantizer,
    MultiLabels,
    KeyKind,
    SlotKind,
    Order,
    Shape,
    Element,
    Endianness,
    Form,
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Error::Invalid(invalid)
    }
}

impl Error {
    /// Damage of a field.
    pub(crate) const fn corrupt(field: Field, at: usize, found: u64, expected: u64) -> Self {
        Error::Corrupt { field, at: at as u64, found, expected }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(invalid) => invalid.fmt(f),
            Error::Corrupt { field, at, found, expected } => {
                write!(
                    f,
                    "{field} at offset {at} is damaged: found {found}, expected {expected} (or at most that)"
                )
            }
            Error::Checksum { field, at } => write!(
                f,
                "{field} is damaged: the block at offset {at} has another checksum than the file says; restore the file or build it again"
            ),
            Error::Unsupported { feature, found } => {
                write!(f, "the file uses {feature} {found}, which is not read")
            }
            Error::Limit { field, found, max } => write!(f, "{field} is {found}, over the limit of {max}"),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Dimension { expected, found } => {
                write!(f, "the vector has {found} dimensions where the index has {expected}")
            }
            Invalid::NotFinite { position } => {
                write!(
                    f,
                    "the value at position {position} is not a finite number; leave the vector out or repair it"
                )
            }
            Invalid::TooLarge { position } => {
                write!(
                    f,
                    "the value at position {position} is so large that distances would overflow; scale the vectors"
                )
            }
            Invalid::TooSmall { field, found, min } => {
                write!(f, "{field} is {found}, must be at least {min}")
            }
            Invalid::UnknownLabel(label) => write!(f, "no vector has the id {label}"),
            Invalid::LabelExists(label) => {
                write!(f, "a vector has the id {label} already; update it instead")
            }
            Invalid::FormMetric(form, metric) => {
                write!(f, "the form {form} cannot be used with the metric {metric}")
            }
            Invalid::VectorType { form } => {
                write!(f, "an index of the form {form} takes vectors of another type")
            }
            Invalid::Form(form) => write!(f, "that cannot be done with an index of the form {form}"),
            Invalid::Recall => f.write_str("a recall must lie above 0 and at most at 1"),
            Invalid::Alignment => f.write_str(
                "the bytes do not begin at a multiple of 8; map the file or read it into aligned memory",
            ),
            Invalid::LabelRange(label) => {
                write!(f, "the id {label} does not fit the type of the output; use .i64")
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Magic => "the magic number",
            Field::Version => "the version",
            Field::FileLength => "the length of the file",
            Field::Header => "the header",
            Field::Sections => "the table of sections",
            Field::Meta => "the description of the index",
            Field::Dimension => "the dimension",
            Field::Metric => "the metric",
            Field::Form => "the form",
            Field::Count => "the number of vectors",
            Field::Capacity => "the capacity",
            Field::Size => "a size",
            Field::Offset => "an offset",
            Field::M => "m",
            Field::M0 => "m0",
            Field::EfConstruction => "ef_construction",
            Field::Ef => "ef",
            Field::K => "k",
            Field::Level => "a level",
            Field::Entry => "the entry point",
            Field::LinkCount => "the number of links of a node",
            Field::Link => "a link",
            Field::LinkBytes => "the size of a node's upper links",
            Field::State => "the state of a slot",
            Field::Label => "a label",
            Field::Vectors => "the section of vectors",
            Field::Raw => "the section of raw vectors",
            Field::Links => "the section of links",
            Field::Levels => "the section of levels",
            Field::Upper => "the section of upper links",
            Field::UpperAt => "the section of places of upper links",
            Field::Checks => "the section of checksums",
            Field::Padding => "the padding of a section",
            Field::Codes => "the codes",
            Field::Scale => "a scale",
            Field::Rotation => "the rotation",
            Field::Trailing => "what follows the end",
            Field::Change => "a logged change",
            Field::Batch => "the batch",
            Field::Row => "a row",
            Field::Text => "the text of the header",
        })
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Feature::Version => "version",
            Feature::Metric => "metric",
            Feature::Scalar => "scalar kind",
            Feature::Storage => "storage",
            Feature::Quantizer => "quantizer",
            Feature::MultiLabels => "several vectors for a label:",
            Feature::KeyKind => "key kind",
            Feature::SlotKind => "slot kind",
            Feature::Order => "column order",
            Feature::Shape => "a number of axes of",
            Feature::Element => "element type",
            Feature::Endianness => "byte order",
            Feature::Form => "form",
        })
    }
}

impl core::error::Error for Error {}
