//! A page that draws itself.
