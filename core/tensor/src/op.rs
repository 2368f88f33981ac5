//! What can stand on a tape, and what each operation needs of its inputs when gradients flow back.

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unary {
    /// The greater of x and 0.
    Relu,
    /// x·Φ(x): PyTorch's default, BERT's.
    Gelu,
    /// GELU by tanh: GPT-2's.
    GeluTanh,
    /// x·σ(x).
    Silu,
    /// σ(x) = 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// ln(1 + eˣ), and x above 20, as PyTorch has it.
    Softplus,
    /// x above 0, alpha·(eˣ - 1) below.
    Elu {
        /// Alpha.
        alpha: f32,
    },
    /// x above 0, slope·x below.
    LeakyRelu {
        /// The slope.
        slope: f32,
    },
    /// x·tanh(ln(1 + eˣ)).
    Mish,
    /// x·min(max(x + 3, 0), 6) / 6.
    Hardswish,
    /// eˣ.
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// x².
    Square,
    /// scale·x + shift.
    Affine {
        /// The factor.
        scale: f32,
        /// What is added.
        shift: f32,
    },
    /// ½x² up to delta, delta·(|x| - ½delta) beyond.
    Huber {
        /// Where the parabola ends.
        delta: f32,
    },
}

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduce {
    /// The sum.
    Sum,
    /// The mean.
    Mean,
    /// The greatest; its gradient goes to the first of several.
    Max,
    /// The product.
    Prod,
    /// ln Σ eˣ.
    LogSumExp,
}

/// How the weights of a linear layer stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// A row for each output, as PyTorch's `Linear`.
    OutIn,
    /// A row for each input, as GPT-2's `Conv1D`.
    InOut,
}

/// Which elements of a row are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// The i-th of the first half with the i-th of the second: Hugging Face's models.
    Halves,
    /// Neighbours: the original Llama's weights, GGUF's.
    Neighbours,
}

/// How queries attend to keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionOptions {
    /// A query sees no later key. The last query stands at the last key.
    pub causal: bool,
    /// A query sees so many keys at most, itself the last.
    pub window: Option<usize>,
    /// What products are multiplied with; `None` is 1/√(head's length).
    pub scale: Option<f32>,
}

impl AttentionOptions {
    /// Causal attention.
    pub const CAUSAL: AttentionOptions = AttentionOptions { causal: true, window: None, scale: None };
    /// Attention to all keys.
    pub const FULL: AttentionOptions = AttentionOptions { causal: false, window: None, scale: None };
}

/// What a cross entropy counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropyOptions {
    /// Rows with this number are left out.
    pub ignore: Option<u32>,
    /// The part of the wanted probability that is spread over all classes.
    pub smoothing: f32,
}

impl CrossEntropyOptions {
    /// Every row, no smoothing.
    pub const PLAIN: CrossEntropyOptions = CrossEntropyOptions { ignore: None, smoothing: 0.0 };
}

/// How a window moves over a picture, down and across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    /// From one window to the next.
    pub stride: [usize; 2],
    /// Zeros around the picture.
    pub padding: [usize; 2],
    /// From one element of a window to the next.
    pub dilation: [usize; 2],
    /// Channels are cut into so many groups that know nothing of each other.
    pub groups: usize,
}

impl Stride {
    /// Step by step, without padding.
    pub const PLAIN: Stride = Stride { stride: [1; 2], padding: [0; 2], dilation: [1; 2], groups: 1 };
}

/// A window that is brought to one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its height and width.
    pub size: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// Around the picture: never the greatest; zeros of a mean.
    pub padding: [usize; 2],
}

/// An operation with its options; its inputs stand beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    /// The elements of a view side by side.
    Copy,
    Unary(Unary),
    Binary(Binary),
    /// Inputs joined along a dimension.
    Concat {
        axis: usize,
    },
    /// The nth of its tape.
    Dropout {
        rate: f32,
        nth: u64,
    },
    /// a, b: matrices in the last two dimensions.
    MatMul,
    /// x, w, maybe bias.
    Linear(Weights),
    /// x, maybe weight and bias. Beside: mean and factor of each row.
    LayerNorm {
        epsilon: f32,
    },
    /// x, weight. Beside: factor of each row.
    RmsNorm {
        epsilon: f32,
    },
    Softmax,
    LogSoftmax,
    Reduce(Reduce),
    CumSum,
    /// x, numbers.
    Gather,
    /// table, numbers.
    Embedding,
    /// scores, numbers. Beside: ln Σ eˣ of each row, the loss of each row, how many count.
    CrossEntropy(CrossEntropyOptions),
    /// q, k, v, maybe first and last key of each sequence. Beside: ln Σ eˣ of each head's query.
    Attention {
        causal: bool,
        window: usize,
        scale: f32,
    },
    /// x, table of cosines and sines.
    Rotate(Pairs),
    /// x, w, maybe bias.
    Conv(Stride),
    /// x, w, maybe bias.
    ConvTranspose {
        stride: Stride,
        output_padding: [usize; 2],
    },
    MaxPool(Pool),
    AveragePool(Pool),
    AdaptiveAveragePool,
}

/// What the backward half of an operation reads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    /// Bit i: the value of input i.
    pub inputs: u32,
    /// The result.
    pub out: bool,
}

impl Op {
    /// What the backward half reads besides the gradient of the result and what stands beside.
    pub fn needs(&self) -> Needs {
        let (inputs, out) = match self {
            Op::Unary(unary) if unary.by_result() => (0, true),
            Op::Unary(Unary::Affine { .. }) => (0, false),
            Op::Unary(_) | Op::Reduce(Reduce::Max | Reduce::Prod) | Op::MaxPool(_) => (1, false),
            Op::Binary(Binary::Mul | Binary::Div) | Op::MatMul | Op::Linear(_) => (3, false),
            Op::LayerNorm { .. } | Op::RmsNorm { .. } | Op::CrossEntropy(_) => (3, false),
            Op::Conv(_) | Op::ConvTranspose { .. } => (3, false),
            Op::Softmax | Op::LogSoftmax => (0, true),
            Op::Reduce(Reduce::LogSumExp) => (1, true),
            Op::Gather | Op::Embedding | Op::Rotate(_) => (2, false),
            Op::Attention { .. } => (15, true),
            Op::Copy | Op::Binary(_) | Op::Concat { .. } | Op::Dropout { .. } | Op::CumSum => (0, false),
            Op::Reduce(Reduce::Sum | Reduce::Mean) => (0, false),
            Op::AveragePool(_) | Op::AdaptiveAveragePool => (0, false),
        };
        Needs { inputs, out }
    }

    /// Whether its backward half can write the gradient of an input that it sees as a whole, rather than add to it.
    pub fn writes(&self, input: usize) -> bool {
        match self {
            Op::Copy | Op::Unary(_) | Op::Binary(_) | Op::Dropout { .. } => true,
            Op::Linear(_) | Op::LayerNorm { .. } | Op::RmsNorm { .. } => input == 0,
            Op::CrossEntropy(_) | Op::Rotate(_) => input == 0,
            _ => false,
        }
    }
}

impl Unary {
    /// Whether its slope follows from the result.
    pub fn by_result(self) -> bool {
        matches!(self, Unary::Relu | Unary::Sigmoid | Unary::Tanh | Unary::Exp | Unary::Sqrt)
    }
}
