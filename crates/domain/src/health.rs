//! Facts to judgement.
