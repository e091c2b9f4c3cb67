//! Progress of a long fit, told to whoever runs it.

/// Takes the progress of a fit. A terminal draws it, a service logs it, a test throws it away.
pub trait Watch {
    /// One line for a person.
    fn say(&self, line: &str);
    /// A part begins that has so many steps.
    fn begin(&self, part: &str, steps: usize);
    /// So many more steps of the part are done.
    fn advance(&self, steps: usize);
    /// The part is done.
    fn end(&self);
}

/// Takes all and tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Watch for Silent {
    fn say(&self, _line: &str) {}
    fn begin(&self, _part: &str, _steps: usize) {}
    fn advance(&self, _steps: usize) {}
    fn end(&self) {}
}
