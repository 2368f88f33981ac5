//! Metrics, forms and the parameters of an index.

use core::fmt;

use crate::error::{Error, Field, Invalid};
use crate::limits;

/// How far two vectors are from each other. Distances follow one convention: smaller is nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Squared Euclidean distance.
    L2,
    /// 1 − dot product.
    Ip,
    /// 1 − cosine; vectors are normalised when they come in.
    Cosine,
    /// The count of differing bits.
    Hamming,
}

/// How vectors are held and walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// f32 rows.
    F32,
    /// IEEE half rows.
    F16,
    /// bfloat16 rows.
    Bf16,
    /// i8 rows, taken as they are.
    I8,
    /// Bits, first dimension in the top bit of a byte.
    Binary,
    /// Rotated 8-bit codes are walked, the f32 rows rescore.
    Sq8,
    /// Rotated 7-bit codes are walked, the f32 rows rescore.
    Sq7,
    /// Rotated 4-bit codes are walked, the f32 rows rescore.
    Sq4,
    /// Codes in the node: 1-bit codes of the neighbours beside the rotated f32 vector.
    Qg,
    /// Codes in the node, the own vector in 8 bits.
    Qg8,
    /// Codes in the node, the own vector in 4 bits.
    Qg4,
}

impl Metric {
    /// All, in the order of their numbers in files.
    pub const ALL: [Metric; 4] = [Metric::L2, Metric::Ip, Metric::Cosine, Metric::Hamming];

    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::L2 => "l2",
            Metric::Ip => "ip",
            Metric::Cosine => "cosine",
            Metric::Hamming => "hamming",
        }
    }

    /// The metric of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Metric::ALL.into_iter().find(|metric| metric.name() == name)
    }

    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn by_number(number: u8) -> Option<Self> {
        Metric::ALL.get(usize::from(number)).copied()
    }
}

impl Form {
    /// All, in the order of their numbers in files.
    pub const ALL: [Form; 11] = [
        Form::F32,
        Form::F16,
        Form::Bf16,
        Form::I8,
        Form::Binary,
        Form::Sq8,
        Form::Sq7,
        Form::Sq4,
        Form::Qg,
        Form::Qg8,
        Form::Qg4,
    ];

    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Form::F32 => "f32",
            Form::F16 => "f16",
            Form::Bf16 => "bf16",
            Form::I8 => "i8",
            Form::Binary => "binary",
            Form::Sq8 => "sq8",
            Form::Sq7 => "sq7",
            Form::Sq4 => "sq4",
            Form::Qg => "qg",
            Form::Qg8 => "qg8",
            Form::Qg4 => "qg4",
        }
    }

    /// The form of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Form::ALL.into_iter().find(|form| form.name() == name)
    }

    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn by_number(number: u8) -> Option<Self> {
        Form::ALL.get(usize::from(number)).copied()
    }

    /// Whether neighbours' codes stand in the node.
    pub const fn is_qg(self) -> bool {
        matches!(self, Form::Qg | Form::Qg8 | Form::Qg4)
    }

    /// Whether codes are walked and f32 rows rescore.
    pub const fn is_sq(self) -> bool {
        matches!(self, Form::Sq8 | Form::Sq7 | Form::Sq4)
    }

    /// Whether vectors come in as f32.
    pub const fn takes_f32(self) -> bool {
        !matches!(self, Form::I8 | Form::Binary)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A vector as a caller gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Vector<'a> {
    /// For every form but `I8` and `Binary`.
    F32(&'a [f32]),
    /// For `I8`.
    I8(&'a [i8]),
    /// For `Binary`: ⌈dim / 8⌉ bytes.
    Bits(&'a [u8]),
}

/// The parameters of an index; they do not change once it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Dimensions of every vector.
    pub dim: usize,
    /// How distances are counted.
    pub metric: Metric,
    /// How vectors are held.
    pub form: Form,
    /// Links that a new node gets in each layer, and the most above layer 0.
    pub m: usize,
    /// Most links in layer 0. Codes in the node: a multiple of 32.
    pub m0: usize,
    /// Candidates that are looked at when a node is linked.
    pub ef_construction: usize,
    /// Seed of levels, rotation and samples: same seed and input, same index.
    pub seed: u64,
}

impl Options {
    /// The usual parameters: m 16, m0 32, ef_construction 200.
    pub const fn new(dim: usize, metric: Metric, form: Form) -> Self {
        Options { dim, metric, form, m: 16, m0: 32, ef_construction: 200, seed: 0 }
    }

    /// With this many links: m0 is 2 m, for codes in the node the next multiple of 32.
    pub const fn links(mut self, m: usize) -> Self {
        self.m = m;
        self.m0 = if self.form.is_qg() { (2 * m).next_multiple_of(32) } else { 2 * m };
        self
    }

    /// As [`Options::check`], for files: libraries write graphs of one link a node.
    pub(crate) fn check_read(&self) -> Result<(), Error> {
        Options { m: self.m.max(2), m0: self.m0.max(2), ..*self }.check()?;
        if self.m == 0 || self.m0 < self.m {
            return Err(Invalid::TooSmall {
                field: Field::M0,
                found: self.m0 as u64,
                min: self.m.max(1) as u64,
            }
            .into());
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::Invalid`] or [`Error::Limit`] names the first parameter that cannot be used.
    pub fn check(&self) -> Result<(), Error> {
        let least = |field, found: usize, min: usize| {
            let invalid = Invalid::TooSmall { field, found: found as u64, min: min as u64 };
            if found < min { Err(Error::Invalid(invalid)) } else { Ok(()) }
        };
        let most = |field, found: usize, max: usize| {
            if found > max {
                Err(Error::Limit { field, found: found as u64, max: max as u64 })
            } else {
                Ok(())
            }
        };
        least(Field::Dimension, self.dim, 1)?;
        most(Field::Dimension, self.dim, limits::DIM_MAX)?;
        least(Field::M, self.m, 2)?;
        most(Field::M, self.m, limits::M_MAX)?;
        least(Field::M0, self.m0, self.m)?;
        most(Field::M0, self.m0, limits::M0_MAX)?;
        least(Field::EfConstruction, self.ef_construction, 1)?;
        most(Field::EfConstruction, self.ef_construction, limits::EF_MAX)?;
        if self.form.is_qg() && !self.m0.is_multiple_of(32) {
            let min = self.m0.next_multiple_of(32) as u64;
            return Err(Invalid::TooSmall { field: Field::M0, found: self.m0 as u64, min }.into());
        }
        if (self.form == Form::Binary) != (self.metric == Metric::Hamming) {
            return Err(Invalid::FormMetric(self.form, self.metric).into());
        }
        Ok(())
    }
}
