//! Identifiers as types, so that a WABA id can never be passed where a number's id is meant.
//! Ours are integers (the origin's clients expect them); Meta's are strings of digits of any length.

/// Declares newtypes over one inner type.
macro_rules! ids {
    ($inner:ty; $($(#[$meta:meta])* $name:ident,)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! { i64;
    /// A tenant of this installation.
    AccountId,
    /// A connected number; its account sees it as an inbox with this same id.
    ChannelId,
}

impl Copy for AccountId {}
impl Copy for ChannelId {}

ids! { String;
    /// Meta's id of a phone number.
    PhoneNumberId,
    /// Meta's id of a WhatsApp Business Account.
    WabaId,
    /// Meta's id of a business portfolio.
    BusinessId,
    /// Meta's id of an app.
    AppId,
}

impl PhoneNumberId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl WabaId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BusinessId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AppId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
