//! Every documented payload, read.
