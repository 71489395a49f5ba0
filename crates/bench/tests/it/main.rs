//! Tests of the bench with its built program. They assert counts, never times.

#[cfg(test)]
mod forward;
