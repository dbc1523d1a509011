//! Pools of earlier values: reuse makes values collide.

use super::Source;

/// Earlier values of one kind. A pool beats luck: what was drawn once is drawn again.
#[derive(Clone, Debug, Default)]
pub struct Pool<T> {
    values: Vec<T>,
}

impl<T: Clone> Pool<T> {
    /// An empty pool.
    pub fn new() -> Self {
        Self { values: Vec::new() }
    }

    /// An earlier value with the given chance in percent, else a fresh one, which is kept.
    pub fn draw(&mut self, source: &mut Source, reuse: u32, fresh: impl FnOnce(&mut Source) -> T) -> T {
        if !self.values.is_empty() && !source.chance(100 - reuse.min(100)) {
            return self.values[source.below(self.values.len())].clone();
        }
        let value = fresh(source);
        self.values.push(value.clone());
        value
    }

    /// The values so far, oldest first.
    pub fn values(&self) -> &[T] {
        &self.values
    }
}
