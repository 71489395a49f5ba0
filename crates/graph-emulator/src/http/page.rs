//! The page. TODO
