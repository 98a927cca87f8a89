//! What the view promises, checked against the store on a real disk.
