//! Every kernel at every level of this CPU against its scalar judge, and the judges against arithmetic in f64 or wide integers.

mod arith;
mod ascii;
mod bits;
mod fastscan;
mod gemm;
mod gemv;
mod half;
mod nn;
mod quant;
mod rotate;
mod rows;
mod support;
mod utf8;
mod vector;
