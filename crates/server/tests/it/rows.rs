//! The rows of the request, each by its id, on both engines: what Meta received, what is on record, what
//! was answered. `rows::<part>::<engine>::<id>_…`.

mod around;
mod budget;
mod callback_repairs;
mod callbacks;
mod capture;
mod coexistence;
mod fleet;
mod health;
mod pin;
mod press;
mod provisioned;
mod readings;
mod reauthorization;
mod recovery;
mod setup;
mod setup_reads;
mod signup;
mod signup_chosen;
mod signup_found;
mod signup_late;
mod signup_refused;
mod signup_repeated;
mod subscription;
mod support;
