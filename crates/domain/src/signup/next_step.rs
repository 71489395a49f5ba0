//! What an unfinished signup waits for, derived from the code of its last error. Contains no prose.

/// The next step of an unfinished signup. The word is part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum NextStep {
    /// Somebody has to choose one of the numbers that the signup saw.
    ChooseNumber,
    /// The account holds no number yet: its owner adds one in WhatsApp Manager.
    AddNumber,
    /// The token does not tell which accounts it reaches: the account has to be named.
    NameAccount,
    /// The number is an inbox of this account already: the inbox has to be named.
    NameInbox,
    /// What was sent with the code does not fit what Meta says.
    CorrectRequest,
    /// No token could be had: the owner has to open the signup again.
    SignUpAgain,
    /// Meta did not answer or refused: it is tried again when the signup is continued.
    TryAgain,
}

impl NextStep {
    /// The next step after an error with this code of the API; `names_inbox`: the error names an inbox of the same account.
    pub fn after(code: &str, names_inbox: bool) -> Self {
        match code {
            "number_not_chosen" => Self::ChooseNumber,
            "no_number_yet" => Self::AddNumber,
            "no_account_named" => Self::NameAccount,
            "channel_exists" if names_inbox => Self::NameInbox,
            "channel_exists" | "phone_number_mismatch" | "no_such_number" | "no_access_to_waba" | "not_found" => {
                Self::CorrectRequest
            }
            "browser_lost" => Self::SignUpAgain,
            _ => Self::TryAgain,
        }
    }
}
