//! Meta's enums are open: a value nobody has documented is kept and shown, never a parse failure.
//! This file holds the one macro that writes such an enum; it must not know any of Meta's words.

/// Writes an enum of known words plus `Other(String)`, with `parse`, `as_str` and `KNOWN`.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        $(#[$meta])*
        ///
        /// The set is open: a word that this version does not know is kept in `Other`.
        pub enum $name {
            $($(#[$vmeta])* $variant,)+
            /// A word Meta sent that this version does not know; kept as it came.
            Other(String),
        }

        impl $name {
            /// Every word known to this version, as Meta writes it.
            pub const KNOWN: &'static [&'static str] = &[$($word),+];

            /// Reads Meta's word; case does not matter, an unknown one is kept.
            pub fn parse(word: &str) -> Self {
                $(if word.eq_ignore_ascii_case($word) { return Self::$variant; })+
                Self::Other(word.to_owned())
            }

            /// The word as Meta writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use open_enum;
