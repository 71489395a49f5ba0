//! Posts split into changes, and what is said of bad ones.
