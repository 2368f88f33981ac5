//! How the elements of a tensor are stored: ggml's types with their numbers.

use dolmen_simd::quant::Format;

use crate::safetensors::Type;
use crate::shape::Shape;

/// A type of ggml: its number, its name, elements and bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(&'static Row);

#[derive(Debug, PartialEq, Eq)]
struct Row {
    number: u32,
    name: &'static str,
    len: u64,
    bytes: u64,
}

const fn row(number: u32, name: &'static str, len: u64, bytes: u64) -> Row {
    Row { number, name, len, bytes }
}

/// Every type that files of today have; the numbers between were withdrawn.
static ROWS: [Row; 33] = [
    row(0, "F32", 1, 4),
    row(1, "F16", 1, 2),
    row(2, "Q4_0", 32, 18),
    row(3, "Q4_1", 32, 20),
    row(6, "Q5_0", 32, 22),
    row(7, "Q5_1", 32, 24),
    row(8, "Q8_0", 32, 34),
    row(9, "Q8_1", 32, 36),
    row(10, "Q2_K", 256, 84),
    row(11, "Q3_K", 256, 110),
    row(12, "Q4_K", 256, 144),
    row(13, "Q5_K", 256, 176),
    row(14, "Q6_K", 256, 210),
    row(15, "Q8_K", 256, 292),
    row(16, "IQ2_XXS", 256, 66),
    row(17, "IQ2_XS", 256, 74),
    row(18, "IQ3_XXS", 256, 98),
    row(19, "IQ1_S", 256, 50),
    row(20, "IQ4_NL", 32, 18),
    row(21, "IQ3_S", 256, 110),
    row(22, "IQ2_S", 256, 82),
    row(23, "IQ4_XS", 256, 136),
    row(24, "I8", 1, 1),
    row(25, "I16", 1, 2),
    row(26, "I32", 1, 4),
    row(27, "I64", 1, 8),
    row(28, "F64", 1, 8),
    row(29, "IQ1_M", 256, 56),
    row(30, "BF16", 1, 2),
    row(34, "TQ1_0", 256, 54),
    row(35, "TQ2_0", 256, 66),
    row(39, "MXFP4", 32, 17),
    row(40, "NVFP4", 64, 36),
];

impl Element {
    /// Floats.
    pub const F32: Element = Element(&ROWS[0]);
    /// Half floats.
    pub const F16: Element = Element(&ROWS[1]);
    /// The upper halves of floats.
    pub const BF16: Element = Element(&ROWS[28]);

    /// The type of this number.
    pub fn by_number(number: u32) -> Option<Element> {
        ROWS.iter().find(|row| row.number == number).map(Element)
    }

    /// The type of this name, whatever its case.
    pub fn by_name(name: &str) -> Option<Element> {
        ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(Element)
    }

    /// The type that quantises to this format.
    pub fn of(format: Format) -> Element {
        Element::by_name(format.name()).expect("the table has every format")
    }

    /// The type of safetensors' elements; `None` if ggml has none.
    pub fn of_safetensors(element: Type) -> Option<Element> {
        Element::by_name(element.name())
    }

    /// ggml's number.
    pub fn number(self) -> u32 {
        self.0.number
    }

    /// ggml's name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The format of its products, if it is quantised and known to the kernels.
    pub fn format(self) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(self.0.name))
    }

    /// Bytes of a tensor of this shape; `None` if its rows are not of whole blocks, or no file could hold it.
    pub fn bytes_of(self, shape: &Shape) -> Option<u64> {
        let last = shape.dimensions().last().copied().unwrap_or(1);
        if !last.is_multiple_of(self.0.len) {
            return None;
        }
        (shape.elements()? / self.0.len).checked_mul(self.0.bytes)
    }
}

impl core::fmt::Display for Element {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.0.name)
    }
}
