//! The caller's memory, and how one operation gets its parts of it: some to read, others to write, all apart.

use core::fmt;

/// A part of the memory of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Parameters that are trained.
    Params,
    /// Parameters that are not.
    Frozen,
    /// The gradients of the trained parameters, laid out as they are.
    Grads,
    /// Inputs, results, gradients in between, scratch.
    Arena,
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Room::Params => "parameters",
            Room::Frozen => "frozen parameters",
            Room::Grads => "gradients",
            Room::Arena => "the arena",
        })
    }
}

/// The caller's memory for one step. A plan says how long each part is.
#[derive(Debug)]
pub struct Memory<'m> {
    /// Parameters that are trained.
    pub params: &'m [f32],
    /// Parameters that are not.
    pub frozen: &'m [f32],
    /// The gradients; empty where nothing is trained.
    pub grads: &'m mut [f32],
    /// The rest.
    pub arena: &'m mut [f32],
}

/// A stretch of one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub room: Room,
    pub start: usize,
    pub len: usize,
}

impl Region {
    /// Nothing at all.
    pub const NONE: Region = Region { room: Room::Arena, start: 0, len: 0 };

    /// A stretch of the stretch.
    pub fn part(self, offset: usize, len: usize) -> Region {
        debug_assert!(offset + len <= self.len);
        Region { room: self.room, start: self.start + offset, len }
    }
}

impl Memory<'_> {
    /// Stretches to read and stretches to write; those to write lie apart from all others, which the plan sees to.
    pub(crate) fn carve<const R: usize, const W: usize>(
        &mut self,
        reads: [Region; R],
        writes: [Region; W],
    ) -> ([&[f32]; R], [&mut [f32]; W]) {
        let mut order: [usize; W] = core::array::from_fn(|at| at);
        order.sort_unstable_by_key(|&at| writes[at].start);
        let mut written: [&mut [f32]; W] = core::array::from_fn(|_| &mut [][..]);
        let mut gaps: [(usize, &[f32]); W] = [(0, &[]); W];
        let (mut arena, mut at_arena) = (&mut *self.arena, 0);
        let (mut grads, mut at_grads) = (&mut *self.grads, 0);
        for nth in order {
            let region = writes[nth];
            if region.len == 0 {
                continue;
            }
            let (rest, at) = match region.room {
                Room::Arena => (&mut arena, &mut at_arena),
                Room::Grads => (&mut grads, &mut at_grads),
                Room::Params | Room::Frozen => unreachable!("parameters are never written by a step"),
            };
            let (before, from) = core::mem::take(rest).split_at_mut(region.start - *at);
            let (taken, after) = from.split_at_mut(region.len);
            if region.room == Room::Arena {
                gaps[nth] = (*at, before);
            }
            written[nth] = taken;
            *at = region.start + region.len;
            *rest = after;
        }
        let (params, frozen, arena) = (self.params, self.frozen, &*arena);
        let found = reads.map(|region| match region.room {
            _ if region.len == 0 => &[][..],
            Room::Params => &params[region.start..][..region.len],
            Room::Frozen => &frozen[region.start..][..region.len],
            Room::Grads => unreachable!("a step only adds to the gradients of parameters"),
            Room::Arena if region.start >= at_arena => &arena[region.start - at_arena..][..region.len],
            Room::Arena => {
                let inside = |(start, gap): &&(usize, &[f32])| {
                    *start <= region.start && region.start + region.len <= start + gap.len()
                };
                let (start, gap) =
                    *gaps.iter().find(inside).expect("what is read lies apart from what is written");
                &gap[region.start - start..][..region.len]
            }
        });
        (found, written)
    }
}
