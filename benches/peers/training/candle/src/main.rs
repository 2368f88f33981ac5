//! One training step of nanoGPT's shape in candle, in CPU time of the thread: `dolmen-peers-training STEPS`.
//!
//! The same work as `step.py` and `core/llm/examples/training_step.rs`: 6 layers, 6 heads, 384 wide, 65 tokens, 8 sequences of 256, forwards, backwards, clipping
//! of the gradients' norm, AdamW. candle has no causal kernel: it computes all of the square and masks it. Run with RAYON_NUM_THREADS=1.

use candle_core::backprop::GradStore;
use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{
    AdamW, Embedding, LayerNorm, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, embedding,
    layer_norm, linear, loss,
};

const LAYERS: usize = 6;
const HEADS: usize = 6;
const WIDTH: usize = 384;
const TOKENS: usize = 65;
const BATCH: usize = 8;
const LEN: usize = 256;

struct Block {
    norms: [LayerNorm; 2],
    qkv: Linear,
    out: Linear,
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(vars: VarBuilder<'_>) -> Result<Block> {
        Ok(Block {
            norms: [layer_norm(WIDTH, 1e-5, vars.pp("n1"))?, layer_norm(WIDTH, 1e-5, vars.pp("n2"))?],
            qkv: linear(WIDTH, 3 * WIDTH, vars.pp("qkv"))?,
            out: linear(WIDTH, WIDTH, vars.pp("out"))?,
            up: linear(WIDTH, 4 * WIDTH, vars.pp("up"))?,
            down: linear(4 * WIDTH, WIDTH, vars.pp("down"))?,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let qkv = self.qkv.forward(&self.norms[0].forward(x)?)?;
        let part = |nth: usize| {
            let part = qkv.narrow(D::Minus1, nth * WIDTH, WIDTH)?;
            part.reshape((BATCH, LEN, HEADS, WIDTH / HEADS))?.transpose(1, 2)?.contiguous()
        };
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        let scores = (q.matmul(&k.t()?)? * (1.0 / ((WIDTH / HEADS) as f64).sqrt()))?;
        let weights = candle_nn::ops::softmax(&scores.broadcast_add(mask)?, D::Minus1)?;
        let mixed = weights.matmul(&v)?.transpose(1, 2)?.reshape((BATCH, LEN, WIDTH))?;
        let x = (x + self.out.forward(&mixed)?)?;
        let inner = self.up.forward(&self.norms[1].forward(&x)?)?.gelu()?;
        &x + self.down.forward(&inner)?
    }
}

struct Network {
    words: Embedding,
    places: Embedding,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl Network {
    fn new(vars: &VarBuilder<'_>) -> Result<Network> {
        Ok(Network {
            words: embedding(TOKENS, WIDTH, vars.pp("words"))?,
            places: embedding(LEN, WIDTH, vars.pp("places"))?,
            blocks: (0..LAYERS)
                .map(|nth| Block::new(vars.pp(format!("block{nth}"))))
                .collect::<Result<_>>()?,
            norm: layer_norm(WIDTH, 1e-5, vars.pp("norm"))?,
        })
    }

    fn loss(&self, ids: &Tensor, wanted: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let places = self.places.forward(&Tensor::arange(0u32, LEN as u32, ids.device())?)?;
        let mut x = self.words.forward(ids)?.broadcast_add(&places)?;
        for block in &self.blocks {
            x = block.forward(&x, mask)?;
        }
        let rows = self.norm.forward(&x)?.reshape((BATCH * LEN, WIDTH))?;
        loss::cross_entropy(&rows.matmul(&self.words.embeddings().t()?)?, &wanted.flatten_all()?)
    }
}

/// Scales the gradients so that their norm is one at most.
fn clip(vars: &[Var], grads: &mut GradStore) -> Result<()> {
    let mut sum = 0f32;
    for var in vars {
        if let Some(grad) = grads.get(var) {
            sum += grad.sqr()?.sum_all()?.to_scalar::<f32>()?;
        }
    }
    let scale = (1.0 / (sum.sqrt() + 1e-6)).min(1.0);
    for var in vars {
        if let Some(grad) = grads.remove(var) {
            grads.insert(var, (grad * f64::from(scale))?);
        }
    }
    Ok(())
}

/// CPU time of this thread; Linux says it in nanoseconds.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1e-6
}

fn main() -> Result<()> {
    let steps = std::env::args().nth(1).and_then(|steps| steps.parse().ok()).unwrap_or(3);
    let device = Device::Cpu;
    let map = VarMap::new();
    let network = Network::new(&VarBuilder::from_varmap(&map, DType::F32, &device))?;
    let vars = map.all_vars();
    let mut optimiser = AdamW::new(vars.clone(), ParamsAdamW { lr: 1e-3, ..ParamsAdamW::default() })?;
    let above: Vec<f32> =
        (0..LEN * LEN).map(|at| if at % LEN > at / LEN { f32::NEG_INFINITY } else { 0.0 }).collect();
    let mask = Tensor::from_vec(above, (LEN, LEN), &device)?;
    let draw = |seed: u32| {
        let ids = (0..(BATCH * LEN) as u32).map(|at| (at ^ seed).wrapping_mul(2_654_435_761) >> 16);
        Tensor::from_vec(ids.map(|id| id % TOKENS as u32).collect::<Vec<_>>(), (BATCH, LEN), &device)
    };
    let mut line = String::from("candle ms");
    for step in 0..steps {
        let (ids, wanted) = (draw(2 * step)?, draw(2 * step + 1)?);
        let begin = cpu_ms();
        let loss = network.loss(&ids, &wanted, &mask)?;
        let mut grads = loss.backward()?;
        clip(&vars, &mut grads)?;
        optimiser.step(&grads)?;
        line += &format!(" {:.0}", cpu_ms() - begin);
        if step + 1 == steps {
            line += &format!("  loss {:.3}", loss.to_scalar::<f32>()?);
        }
    }
    println!("{line}");
    Ok(())
}
