//! Every kernel at every level of this CPU against its scalar judge, and the judges against arithmetic in f64 or wide integers.

mod bits;
mod fastscan;
mod half;
mod rotate;
mod rows;
mod support;
mod vector;
