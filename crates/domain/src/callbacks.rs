//! Where Meta sends the webhooks of a number: the callbacks on the number, on its account and on the app, which of them is
//! in force, what is set so that messages arrive here, and how often that is repaired without a person. Must not say how
//! well a number is: see `health`.

mod address;
mod app;
mod fields;
mod repairs;
mod route;

pub use address::{OwnAddresses, Target, is_of_this_installation};
pub use app::{AppCallback, AppRecord};
pub use fields::{NEEDED, missing_fields, wanted_fields, with_subscribed};
pub use repairs::{Problem, Repair, RepairDecision, Repairs};
pub use route::{CallbackLevel, Callbacks, Clearing, OwnOverride, Plan, Route, Subscription};
