//! Sentences for signups: what an unfinished one waits for.

use domain::signup::NextStep;

/// What to do next with an unfinished signup.
pub fn next_step(step: NextStep) -> &'static str {
    match step {
        NextStep::ChooseNumber => "Choose one of the numbers. The others stay unconnected.",
        NextStep::AddNumber => {
            "Add a phone number to the WhatsApp account in WhatsApp Manager. If it stays the only one, it is connected \
             within minutes."
        }
        NextStep::NameAccount => "Name the WhatsApp account (waba_id): the token does not.",
        NextStep::NameInbox => "The number is an inbox already. Name the inbox (inbox_id) to re-authorise it.",
        NextStep::CorrectRequest => "Send the ids that belong together: account, number and inbox.",
        NextStep::SignUpAgain => "Open the signup again.",
        NextStep::TryAgain => "Continue the signup.",
    }
}
