//! What the office and headquarters show in the same way. It knows nothing of what is shown: which
//! metrics there are, and what a page says, each program decides for itself.

pub mod exposition; // families of metrics in, Prometheus text out
pub mod textfile; // the same text in a file
pub mod process; // what this process uses of the machine
pub mod words; // the messages of a page in two languages
pub mod screen; // a terminal that is drawn over
pub mod schema; // the JSON Schema of a document
pub mod sentence; // numbers, spans and moments in those words
