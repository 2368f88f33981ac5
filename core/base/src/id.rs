//! Id newtypes from one macro: two ids of different kinds never mix, and a bare integer never crosses a module border.

/// Declares a `Copy` newtype over an unsigned integer with ordering, hashing, `get`, `new`, `next` and `Display`.
///
/// ```
/// dolmen_base::id_type! {
///     /// Number of a file in one database.
///     pub struct FileNumber(u64);
/// }
/// assert_eq!(FileNumber::new(7).next().get(), 8);
/// ```
#[macro_export]
macro_rules! id_type {
    ($(#[$meta:meta])* $vis:vis struct $name:ident($int:ty);) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        $vis struct $name($int);

        impl $name {
            /// Wraps the raw number.
            #[inline]
            pub const fn new(raw: $int) -> Self {
                Self(raw)
            }

            /// The raw number, for formats and output.
            #[inline]
            pub const fn get(self) -> $int {
                self.0
            }

            /// The id after this one; the largest id is its own successor.
            #[inline]
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}
