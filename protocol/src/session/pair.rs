//! Both machines on a pretend wire.
