//! Stand-ins.
use crate::parser::{Parser, R};
impl Parser<'_> {
    pub(crate) fn set_reset_clause(&mut self) -> R {
        Err(self.unexpected())
    }
    pub(crate) fn function_set_clause(&mut self) -> R {
        Err(self.unexpected())
    }
    pub(crate) fn create_generic_options(&mut self) -> R {
        Ok(0)
    }
    pub(crate) fn alter_generic_options(&mut self) -> R {
        Err(self.unexpected())
    }
    pub(crate) fn constraint_attribute_spec(&mut self) -> R<(u32, u32)> {
        Ok((0, 0))
    }
}
