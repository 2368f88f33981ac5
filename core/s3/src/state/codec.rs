//! How records are written: a version byte, then fields in order, numbers as varints, byte strings with their length in front.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_codec::{Cursor, varint};

use super::error::Corrupt;

/// Version that records carry today.
pub(super) const RECORD_VERSION: u8 = 1;

/// Appends fields.
pub(super) struct Enc {
    out: Vec<u8>,
}

impl Enc {
    pub fn new() -> Enc {
        Enc { out: alloc::vec![RECORD_VERSION] }
    }

    pub fn u8(&mut self, value: u8) -> &mut Enc {
        self.out.push(value);
        self
    }

    pub fn flag(&mut self, value: bool) -> &mut Enc {
        self.u8(u8::from(value))
    }

    pub fn u64(&mut self, value: u64) -> &mut Enc {
        varint::put_u64(&mut self.out, value);
        self
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Enc {
        self.out.extend_from_slice(bytes);
        self
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Enc {
        varint::put_slice(&mut self.out, bytes);
        self
    }

    pub fn str(&mut self, text: &str) -> &mut Enc {
        self.bytes(text.as_bytes())
    }

    pub fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Enc, &T)) -> &mut Enc {
        self.u64(items.len() as u64);
        for item in items {
            each(self, item);
        }
        self
    }

    pub fn option<T>(&mut self, item: Option<&T>, each: impl FnOnce(&mut Enc, &T)) -> &mut Enc {
        self.flag(item.is_some());
        if let Some(item) = item {
            each(self, item);
        }
        self
    }

    pub fn pairs(&mut self, pairs: &[(String, String)]) -> &mut Enc {
        self.list(pairs, |e, (name, value)| {
            e.str(name).str(value);
        })
    }

    pub fn finish(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.out)
    }
}

/// Reads fields.
pub(super) struct Dec<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Dec<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Dec<'a>, Corrupt> {
        let mut cursor = Cursor::new(bytes);
        match cursor.get_u8()? {
            RECORD_VERSION => Ok(Dec { cursor }),
            version => Err(Corrupt::Version { version }),
        }
    }

    /// A byte that `value` understands.
    pub fn coded<T>(&mut self, value: impl FnOnce(u8) -> Option<T>) -> Result<T, Corrupt> {
        let at = self.cursor.position();
        let byte = self.cursor.get_u8()?;
        value(byte).ok_or(Corrupt::Value { at })
    }

    pub fn flag(&mut self) -> Result<bool, Corrupt> {
        self.coded(|byte| match byte {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
    }

    pub fn u64(&mut self) -> Result<u64, Corrupt> {
        Ok(self.cursor.get_varint_u64()?)
    }

    pub fn u32(&mut self) -> Result<u32, Corrupt> {
        Ok(self.cursor.get_varint_u32()?)
    }

    pub fn u16(&mut self) -> Result<u16, Corrupt> {
        let at = self.cursor.position();
        u16::try_from(self.u64()?).map_err(|_| Corrupt::Value { at })
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        Ok(self.cursor.get_array()?)
    }

    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], Corrupt> {
        Ok(self.cursor.get_bytes(len)?)
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Corrupt> {
        Ok(self.cursor.get_varint_slice()?)
    }

    pub fn str(&mut self) -> Result<&'a str, Corrupt> {
        let at = self.cursor.position();
        core::str::from_utf8(self.bytes()?).map_err(|_| Corrupt::Value { at })
    }

    pub fn string(&mut self) -> Result<String, Corrupt> {
        self.str().map(String::from)
    }

    /// Items; no item is shorter than a byte, so a count above what is left is damage and reserves nothing.
    pub fn list<T>(
        &mut self,
        mut each: impl FnMut(&mut Dec<'a>) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>, Corrupt> {
        let at = self.cursor.position();
        let count = self.u64()?;
        if count > self.cursor.rest().len() as u64 {
            return Err(Corrupt::Value { at });
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(each(self)?);
        }
        Ok(items)
    }

    pub fn option<T>(
        &mut self,
        each: impl FnOnce(&mut Dec<'a>) -> Result<T, Corrupt>,
    ) -> Result<Option<T>, Corrupt> {
        if self.flag()? { each(self).map(Some) } else { Ok(None) }
    }

    pub fn pairs(&mut self) -> Result<Vec<(String, String)>, Corrupt> {
        self.list(|d| Ok((d.string()?, d.string()?)))
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.cursor.rest().is_empty()
    }

    pub fn finish(self) -> Result<(), Corrupt> {
        Ok(self.cursor.finish()?)
    }
}
